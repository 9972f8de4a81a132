/* Forests evaluated 512 rows at a time: see geocrop_processes/models/forest/.
 *
 * The kernel (_forest_kernel.h) is compiled once for the plain machine and, on x86, for AVX2 and AVX-512; whoever
 * calls chooses among those that this machine has. All give the same bits: no level contracts a multiplication
 * with an addition, and sums have one order. The indices within a group are checked where it is built
 * (forest/group.py); here the lengths of all buffers are.
 */
#define Py_LIMITED_API 0x030C0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 512 };
enum { TINY_IS_ZERO = 1, NAN_IS_ZERO = 2, ZERO_IS_MISSING = 4, MISSING_IS_RIGHT = 8 };
#define TINY 1e-35f

/* A feature that a group looks at. */
typedef struct {
    int32_t feature, table, count, bits, operand, other_begin, other_end, flags;
} column_t;

/* A tree: its steps, the masks that are the bits of its leaf's index, its leaves. */
typedef struct {
    int64_t step, step_end, bit, width, leaf, class;
} tree_t;

/* Trees with their masks. */
typedef struct {
    const column_t *columns;
    const float *tables;
    const int32_t *others;
    const tree_t *trees;
    const uint16_t *steps, *bits;
    const void *leaves;
    int64_t n_columns, n_trees, first_other, first_step, operands, classes;
    int wide;
} group_t;

/* What one block of rows needs while it is worked on. */
typedef struct {
    uint8_t low[ROWS], high[ROWS], missing[ROWS], planes[16 * 64];
    float values[ROWS], tail[ROWS];
    uint32_t codes[ROWS];
    uint8_t *masks;
    double *sums;
} block_t;

/* The sums of a block, from the margins (classes, n) or back to them. */
static void move_sums(const group_t *g, void *margins, int64_t n, int64_t start, int64_t rows,
                      block_t *block, int back) {
    const int by_row = g->n_trees && g->trees[0].class < 0;
    const int64_t padded = (g->classes + 7) / 8 * 8;
    for (int64_t c = 0; c < g->classes; c++)
        for (int64_t p = 0; p < rows; p++) {
            if (g->wide) {
                double *margin = (double *)margins + c * n + start + p;
                double *sum = block->sums + (by_row ? p * padded + c : c * ROWS + p);
                *(back ? margin : sum) = *(back ? sum : margin);
            } else {
                float *margin = (float *)margins + c * n + start + p;
                float *sum = (float *)block->sums + c * ROWS + p;
                *(back ? margin : sum) = *(back ? sum : margin);
            }
        }
}

/* 0..1 in steps of 0.005, rounded to the nearest, half to even. */
static inline uint8_t as_byte(double value) {
    return (uint8_t)(value / 0.005 + 0x1.8p52 - 0x1.8p52);
}

#define AT(name) name##_plain
#define LANE 16
#include "_forest_kernel.h"
#undef AT
#undef LANE

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define WITH_X86 1

#define AT(name) name##_avx2
#define LANE 32
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#include "_forest_kernel.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef AT
#undef LANE

#define AT(name) name##_avx512
#define LANE 64
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#endif
#include "_forest_kernel.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

typedef struct {
    const char *name;
    void (*score)(const group_t *, const float *, int64_t, void *, int64_t, block_t *);
    void (*vote)(double *, double *, int64_t, int64_t, double, double, double);
    void (*part)(const double *, const double *, int64_t, int64_t, double, double *);
    void (*temper)(double *, int64_t, int64_t, double, double);
    void (*decide)(const double *, int64_t, int64_t, double, uint8_t *, uint8_t *);
} level_t;

static const level_t LEVELS[] = {
    {"c", score_plain, vote_plain, part_plain, temper_plain, decide_plain},
#ifdef WITH_X86
    {"c-avx2", score_avx2, vote_avx2, part_avx2, temper_avx2, decide_avx2},
    {"c-avx512", score_avx512, vote_avx512, part_avx512, temper_avx512, decide_avx512},
#endif
};

static int n_levels(void) {
#ifdef WITH_X86
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2")) return 1;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return 3;
    return 2;
#else
    return 1;
#endif
}

static const level_t *level_of(int number) {
    if (number < 0 || number >= n_levels()) {
        PyErr_SetString(PyExc_ValueError, "This machine has no such level.");
        return NULL;
    }
    return LEVELS + number;
}

static PyObject *levels(PyObject *self, PyObject *nothing) {
    (void)self, (void)nothing;
    PyObject *names = PyList_New(0);
    for (int i = 0; names && i < n_levels(); i++) {
        PyObject *name = PyUnicode_FromString(LEVELS[i].name);
        if (!name || PyList_Append(names, name)) Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

static int fits(Py_buffer *buffer, int64_t count, int64_t size) {
    return count >= 0 && size > 0 && buffer->len == count * size;
}

/* The first whole 64 bytes of some memory: what the widest vectors need. */
static void *aligned(void *memory) { return (char *)memory + (64 - (uintptr_t)memory % 64) % 64; }

static int run_score(const level_t *level, const group_t *g, const float *features, int64_t stride,
                     void *margins, int64_t n) {
    const size_t padded = (size_t)(g->classes + 7) / 8 * 8;
    void *block = calloc(1, sizeof(block_t) + 64);
    void *masks = malloc((size_t)g->operands * 64 + 64);
    void *sums = calloc(padded * ROWS * sizeof(double) + 64, 1);
    const int ready = block && masks && sums;
    if (ready) {
        block_t *work = aligned(block);
        work->masks = aligned(masks);
        work->sums = aligned(sums);
        level->score(g, features, stride, margins, n, work);
    }
    free(sums);
    free(masks);
    free(block);
    return ready;
}

/* score(level, columns, tables, others, trees, steps, bits, leaves, first_other, first_step, operands, classes,
 *       wide, features, n_features, start, margins): adds the leaves of a group to margins (classes, rows). */
static PyObject *score(PyObject *self, PyObject *args) {
    (void)self;
    int number, wide;
    Py_buffer b[9];
    long long first_other, first_step, operands, classes, n_features, start;
    if (!PyArg_ParseTuple(args, "iy*y*y*y*y*y*y*LLLLpy*LLw*", &number, b, b + 1, b + 2, b + 3, b + 4,
                          b + 5, b + 6, &first_other, &first_step, &operands, &classes, &wide, b + 7,
                          &n_features, &start, b + 8))
        return NULL;
    const int64_t size = wide ? 8 : 4;
    const int64_t stride = n_features > 0 ? b[7].len / 4 / n_features : 0;
    const int64_t n = classes > 0 ? b[8].len / size / classes : 0;
    const level_t *level = level_of(number);
    int ready = 0;
    if (level && (!fits(b + 7, stride * n_features, 4) || !fits(b + 8, n * classes, size) || start < 0 ||
                  start > stride - n || first_other < 0 || first_step < first_other ||
                  operands < first_step || operands > 65536 || classes > 65536 ||
                  b[0].len % sizeof(column_t) || b[3].len % sizeof(tree_t))) {
        PyErr_SetString(PyExc_ValueError, "The buffers do not fit together.");
        level = NULL;
    }
    if (level) {
        const group_t g = {b[0].buf, b[1].buf, b[2].buf, b[3].buf, b[4].buf, b[5].buf, b[6].buf,
                           b[0].len / (int64_t)sizeof(column_t), b[3].len / (int64_t)sizeof(tree_t),
                           first_other, first_step, operands, classes, wide};
        Py_BEGIN_ALLOW_THREADS
        ready = run_score(level, &g, (const float *)b[7].buf + start, stride, b[8].buf, n);
        Py_END_ALLOW_THREADS
        if (!ready) PyErr_NoMemory();
    }
    for (int i = 0; i < 9; i++) PyBuffer_Release(b + i);
    return ready ? Py_NewRef(Py_None) : NULL;
}

/* vote(level, margins, total, classes, lowest, slope, weight): margins = softmax(slope * margins) and
 * total += weight * margins, both float64 (classes, n). */
static PyObject *vote(PyObject *self, PyObject *args) {
    (void)self;
    int number;
    Py_buffer margins, total;
    long long classes;
    double lowest, slope, weight;
    if (!PyArg_ParseTuple(args, "iw*w*Lddd", &number, &margins, &total, &classes, &lowest, &slope, &weight))
        return NULL;
    const int64_t n = classes > 0 ? margins.len / 8 / classes : 0;
    const level_t *level = level_of(number);
    if (level && (!fits(&margins, classes * n, 8) || total.len != margins.len)) {
        PyErr_SetString(PyExc_ValueError, "The buffers do not fit together.");
        level = NULL;
    }
    if (level) {
        Py_BEGIN_ALLOW_THREADS
        level->vote(margins.buf, total.buf, classes, n, lowest, slope, weight);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&margins);
    PyBuffer_Release(&total);
    return level ? Py_NewRef(Py_None) : NULL;
}

/* part(level, probabilities, total, classes, weight, gap): adds to gap (n,) how far two float64 (classes, n) are apart. */
static PyObject *part(PyObject *self, PyObject *args) {
    (void)self;
    int number;
    Py_buffer probabilities, total, gap;
    long long classes;
    double weight;
    if (!PyArg_ParseTuple(args, "iy*y*Ldw*", &number, &probabilities, &total, &classes, &weight, &gap))
        return NULL;
    const int64_t n = gap.len / 8;
    const level_t *level = level_of(number);
    if (level && (classes < 1 || gap.len % 8 || !fits(&probabilities, classes * n, 8) ||
                  total.len != probabilities.len)) {
        PyErr_SetString(PyExc_ValueError, "The buffers do not fit together.");
        level = NULL;
    }
    if (level) {
        Py_BEGIN_ALLOW_THREADS
        level->part(probabilities.buf, total.buf, classes, n, weight, gap.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&probabilities);
    PyBuffer_Release(&total);
    PyBuffer_Release(&gap);
    return level ? Py_NewRef(Py_None) : NULL;
}

/* temper(level, total, classes, least, slope): total = softmax(slope * log(total)), float64 (classes, n). */
static PyObject *temper(PyObject *self, PyObject *args) {
    (void)self;
    int number;
    Py_buffer total;
    long long classes;
    double least, slope;
    if (!PyArg_ParseTuple(args, "iw*Ldd", &number, &total, &classes, &least, &slope)) return NULL;
    const int64_t n = classes > 0 ? total.len / 8 / classes : 0;
    const level_t *level = level_of(number);
    if (level && !fits(&total, classes * n, 8)) {
        PyErr_SetString(PyExc_ValueError, "The buffers do not fit together.");
        level = NULL;
    }
    if (level) {
        Py_BEGIN_ALLOW_THREADS
        level->temper(total.buf, classes, n, least, slope);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&total);
    return level ? Py_NewRef(Py_None) : NULL;
}

/* decide(level, mean, classes, uniform, best, sure): uint8 (n,) and (3, n) of float64 (classes, n). */
static PyObject *decide(PyObject *self, PyObject *args) {
    (void)self;
    int number;
    Py_buffer mean, best, sure;
    long long classes;
    double uniform;
    if (!PyArg_ParseTuple(args, "iy*Ldw*w*", &number, &mean, &classes, &uniform, &best, &sure))
        return NULL;
    const int64_t n = best.len;
    const level_t *level = level_of(number);
    if (level && (classes < 2 || classes > 256 || !fits(&mean, classes * n, 8) || sure.len != 3 * n)) {
        PyErr_SetString(PyExc_ValueError, "The buffers do not fit together.");
        level = NULL;
    }
    if (level) {
        Py_BEGIN_ALLOW_THREADS
        level->decide(mean.buf, classes, n, uniform, best.buf, sure.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&mean);
    PyBuffer_Release(&best);
    PyBuffer_Release(&sure);
    return level ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef methods[] = {
    {"levels", levels, METH_NOARGS, "The names of the levels that this machine has; the last is the fastest."},
    {"score", score, METH_VARARGS, "Add the leaves of a group of trees to margins."},
    {"vote", vote, METH_VARARGS, "Turn margins into their softmax and add it to a total."},
    {"part", part, METH_VARARGS, "Add how far probabilities are from a total."},
    {"temper", temper, METH_VARARGS, "Change probabilities by a temperature."},
    {"decide", decide, METH_VARARGS, "Class, top probability, margin and entropy of mean probabilities."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_forest", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__forest(void) { return PyModule_Create(&module); }
