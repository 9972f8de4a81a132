/* Means of squares of pixels: what geocrop_processes/publish/overviews.py says, to the bit, in one pass.
 *
 * Rows go through from the top: two rows of a level make one of the next, so only a row of each level is in memory.
 * A sum and the number of values in it lie in one integer, and are added at once.
 */
#define Py_LIMITED_API 0x030C0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LEVELS = 11, COUNT = 12 };

/* A sum of at most four pixels, and above its 12 bits how many there are. */
static void add_pixels(const uint8_t *upper, const uint8_t *lower, int64_t n, uint16_t no_data,
                       uint16_t *found) {
    for (int64_t i = 0; i < n; i++) {
        uint16_t total = 0, pixel;
        pixel = upper[2 * i], total += pixel == no_data ? 0 : pixel + (1 << COUNT);
        pixel = upper[2 * i + 1], total += pixel == no_data ? 0 : pixel + (1 << COUNT);
        pixel = lower[2 * i], total += pixel == no_data ? 0 : pixel + (1 << COUNT);
        pixel = lower[2 * i + 1], total += pixel == no_data ? 0 : pixel + (1 << COUNT);
        found[i] = total;
    }
}

/* The mean, a half rounded up. */
static uint8_t mean_of(uint32_t sum, uint32_t count, uint8_t no_data) {
    return count ? (uint8_t)((sum + count / 2) / count) : no_data;
}

static void first_means(const uint16_t *totals, int64_t n, uint8_t no_data, uint8_t *out) {
    const uint16_t sums = (1 << COUNT) - 1;
    uint16_t all = UINT16_MAX, any = 0;
    for (int64_t i = 0; i < n; i++) all &= totals[i], any |= totals[i];
    if (all >> COUNT & 4) /* no square has a hole */
        for (int64_t i = 0; i < n; i++) out[i] = (uint8_t)(((totals[i] & sums) + 2) >> 2);
    else if (!(any >> COUNT))
        memset(out, no_data, (size_t)n);
    else
        for (int64_t i = 0; i < n; i++)
            out[i] = mean_of(totals[i] & sums, totals[i] >> COUNT, no_data);
}

static void next_means(const uint64_t *totals, int64_t n, int level, uint8_t no_data, uint8_t *out) {
    const uint32_t whole = (uint32_t)1 << 2 * level;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t sum = (uint32_t)totals[i], count = (uint32_t)(totals[i] >> 32);
        out[i] = count == whole ? (uint8_t)((sum + whole / 2) >> 2 * level)
                                : mean_of(sum, count, no_data);
    }
}

/* Add pairs of totals to a row of the level above: the sum in the lower half, the count in the upper. */
static void widen(const uint16_t *totals, int64_t n, uint64_t *above) {
    for (int64_t i = 0; i < n; i++) {
        const uint32_t a = totals[2 * i], b = totals[2 * i + 1], sums = (1 << COUNT) - 1;
        above[i] += (uint64_t)((a >> COUNT) + (b >> COUNT)) << 32 | ((a & sums) + (b & sums));
    }
}

/* `room` holds a row of totals of each level but the first, all 0. */
static void run_means(const Py_buffer *pixels, int levels, uint8_t no_data, uint8_t *out,
                      uint16_t *first, uint64_t *room) {
    const int64_t height = pixels->shape[0], width = pixels->shape[1], stride = pixels->strides[0];
    uint8_t *place[MOST_LEVELS + 1];
    uint64_t *totals[MOST_LEVELS + 1];
    for (int n = 1; n <= levels; n++) {
        place[n] = out, totals[n] = room;
        out += (height >> n) * (width >> n);
        room += n > 1 ? width >> n : 0;
    }
    const uint8_t *row = pixels->buf;
    for (int64_t r = 0; r < height / 2; r++, row += 2 * stride) {
        add_pixels(row, row + stride, width / 2, no_data, first);
        first_means(first, width / 2, no_data, place[1]);
        place[1] += width / 2;
        if (levels > 1) widen(first, width / 4, totals[2]);
        /* a level's row is whole when the row below it is its second */
        for (int n = 2; n <= levels && (r + 1) % ((int64_t)1 << (n - 1)) == 0; n++) {
            const int64_t length = width >> n;
            next_means(totals[n], length, n, no_data, place[n]);
            place[n] += length;
            if (n < levels)
                for (int64_t i = 0; i < length / 2; i++)
                    totals[n + 1][i] += totals[n][2 * i] + totals[n][2 * i + 1];
            memset(totals[n], 0, (size_t)length * sizeof(uint64_t));
        }
    }
}

static int fits(const Py_buffer *pixels, const Py_buffer *out, int levels) {
    if (levels < 1 || levels > MOST_LEVELS || pixels->ndim != 2 || pixels->itemsize != 1) return 0;
    const int64_t height = pixels->shape[0], width = pixels->shape[1];
    const int64_t side = (int64_t)1 << levels;
    int64_t size = 0;
    for (int n = 1; n <= levels; n++) size += (height >> n) * (width >> n);
    return pixels->strides[1] == 1 && height % side == 0 && width % side == 0 && out->len == size;
}

/* means(pixels, levels, no_data, out): out is uint8, the levels one after the other. */
static PyObject *means(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *object, *found = NULL;
    int levels;
    unsigned char no_data;
    Py_buffer pixels, out;
    if (!PyArg_ParseTuple(args, "Oibw*", &object, &levels, &no_data, &out)) return NULL;
    if (PyObject_GetBuffer(object, &pixels, PyBUF_STRIDED) == 0) {
        if (!fits(&pixels, &out, levels)) {
            PyErr_SetString(PyExc_ValueError, "The buffers do not fit together.");
        } else {
            const size_t half = (size_t)pixels.shape[1] / 2 + 1;
            uint16_t *first = malloc(half * sizeof(uint16_t));
            uint64_t *room = calloc(half, sizeof(uint64_t));
            if (first && room) {
                Py_BEGIN_ALLOW_THREADS
                run_means(&pixels, levels, no_data, out.buf, first, room);
                Py_END_ALLOW_THREADS
                found = Py_NewRef(Py_None);
            } else {
                PyErr_NoMemory();
            }
            free(first);
            free(room);
        }
        PyBuffer_Release(&pixels);
    }
    PyBuffer_Release(&out);
    return found;
}

static PyMethodDef methods[] = {
    {"means", means, METH_VARARGS, "Write the means of squares of 2 x 2, 4 x 4, ... pixels."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_overviews", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__overviews(void) { return PyModule_Create(&module); }
