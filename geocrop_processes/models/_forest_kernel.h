/* The kernel of one instruction level; _forest.c includes this file once per level.
 *
 * Needs: AT(name), the level's own name of a function, and LANE, its vectors' width in bytes.
 * A *mask* holds one bit for each of the 512 rows of a block: bit j of byte i is row 64 j + i, so that turning
 * bytes into bits and back is an 8 x 8 transposition within byte lanes and moves nothing across them.
 */

#define PARTS (64 / LANE)
typedef uint64_t AT(vec) __attribute__((vector_size(LANE), may_alias));
typedef double AT(vecd) __attribute__((vector_size(LANE), aligned(8), may_alias));
#define VEC AT(vec)
#define VECD AT(vecd)

/* 8 vectors of 8 x 8 bits in each byte lane, transposed in place. */
static inline void AT(transpose)(VEC *restrict x) {
    const VEC low = (VEC){0} + 0x0f0f0f0f0f0f0f0fULL, two = (VEC){0} + 0x3333333333333333ULL,
              one = (VEC){0} + 0x5555555555555555ULL;
    VEC t;
    for (int i = 0; i < 4; i++) {
        t = ((x[i] >> 4) ^ x[i + 4]) & low;
        x[i + 4] ^= t;
        x[i] ^= t << 4;
    }
    for (int i = 0; i < 6; i = i == 1 ? 4 : i + 1) {
        t = ((x[i] >> 2) ^ x[i + 2]) & two;
        x[i + 2] ^= t;
        x[i] ^= t << 2;
    }
    for (int i = 0; i < 8; i += 2) {
        t = ((x[i] >> 1) ^ x[i + 1]) & one;
        x[i + 1] ^= t;
        x[i] ^= t << 1;
    }
}

/* 512 bytes to 8 masks: mask b holds bit b of each byte. */
static void AT(planes_of)(const uint8_t *restrict bytes, uint8_t *restrict planes) {
    VEC x[8];
    for (int part = 0; part < PARTS; part++) {
        for (int i = 0; i < 8; i++) x[i] = *(const VEC *)(bytes + 64 * i + LANE * part);
        AT(transpose)(x);
        for (int i = 0; i < 8; i++) *(VEC *)(planes + 64 * i + LANE * part) = x[i];
    }
}

/* `width` masks (at most 8), wherever they lie, to 512 bytes. */
static void AT(bytes_of)(const uint8_t *restrict masks, const uint16_t *restrict which, int width,
                         uint8_t *restrict bytes) {
    VEC x[8];
    for (int part = 0; part < PARTS; part++) {
        for (int i = 0; i < 8; i++)
            x[i] = i < width ? *(const VEC *)(masks + 64 * (size_t)which[i] + LANE * part) : (VEC){0};
        AT(transpose)(x);
        for (int i = 0; i < 8; i++) *(VEC *)(bytes + 64 * i + LANE * part) = x[i];
    }
}

/* How many of a column's thresholds each of 512 values reaches: compared with every sixteenth or so of them, which
 * vectors do best, then searched without branches. */
static void AT(codes_of)(const column_t *restrict column, const float *restrict table,
                         const float *restrict source, block_t *restrict block) {
    float *restrict x = block->values;
    uint32_t *restrict code = block->codes;
    const int32_t flags = column->flags;
    for (int p = 0; p < ROWS; p++) x[p] = source[p];
    if (flags & TINY_IS_ZERO)
        for (int p = 0; p < ROWS; p++) x[p] = x[p] >= -TINY && x[p] <= TINY ? 0.0f : x[p];
    if (flags & NAN_IS_ZERO)
        for (int p = 0; p < ROWS; p++) x[p] = x[p] != x[p] ? 0.0f : x[p];
    if (flags & ZERO_IS_MISSING)
        for (int p = 0; p < ROWS; p++) x[p] = x[p] == 0.0f ? NAN : x[p];
    for (int p = 0; p < ROWS; p++) code[p] = 0;
    const int fine = column->bits > 4 ? column->bits - 4 : 0;
    for (int i = 1; i < 1 << (column->bits - fine); i++) {
        const float pivot = table[(i << fine) - 1];
        for (int p = 0; p < ROWS; p++) code[p] += x[p] >= pivot;
    }
    for (int p = 0; p < ROWS; p++) code[p] <<= fine;
    for (uint32_t half = 1u << fine >> 1; half; half >>= 1)
        for (int p = 0; p < ROWS; p++) code[p] += x[p] >= table[code[p] + half - 1] ? half : 0u;
    for (int p = 0; p < ROWS; p++) block->missing[p] = x[p] != x[p];
    if (flags & MISSING_IS_RIGHT)
        for (int p = 0; p < ROWS; p++) code[p] = x[p] != x[p] ? (uint32_t)column->count : code[p];
    for (int p = 0; p < ROWS; p++) block->low[p] = (uint8_t)code[p];
    for (int p = 0; p < ROWS; p++) block->high[p] = (uint8_t)(code[p] >> 8);
}

/* The masks "code > k" of a column, k = 0 .. count - 1: each bit of the code doubles their number. */
static void AT(masks_of)(const column_t *restrict column, const uint8_t *restrict planes,
                         uint8_t *restrict masks) {
    const int64_t count = column->count;
    for (int part = 0; part < PARTS; part++) {
        uint8_t *m = masks + 64 * (size_t)column->operand + LANE * part;
        *(VEC *)m = *(const VEC *)(planes + LANE * part);
        if (count > 1) *(VEC *)(m + 64) = (VEC){0};
        for (int bit = 1; bit < column->bits; bit++) {
            const VEC plane = *(const VEC *)(planes + 64 * bit + LANE * part);
            const int64_t half = (int64_t)1 << bit;
            for (int64_t k = 0; k < half; k++) {
                const VEC found = *(VEC *)(m + 64 * k);
                if (k + half < count) *(VEC *)(m + 64 * (k + half)) = plane & found;
                *(VEC *)(m + 64 * k) = plane | found;
            }
        }
    }
}

/* All masks of one block. */
static void AT(fill_masks)(const group_t *g, const float *features, int64_t stride, int64_t rows,
                           block_t *block) {
    uint8_t *masks = block->masks;
    memset(masks, 0, 64);
    memset(masks + 64, 255, 64);
    for (int64_t c = 0; c < g->n_columns; c++) {
        const column_t *column = g->columns + c;
        const float *source = features + (int64_t)column->feature * stride;
        if (rows < ROWS) {
            memset(block->tail, 0, sizeof block->tail);
            memcpy(block->tail, source, (size_t)rows * sizeof(float));
            source = block->tail;
        }
        AT(codes_of)(column, g->tables + column->table, source, block);
        AT(planes_of)(block->low, block->planes);
        if (column->bits > 8) AT(planes_of)(block->high, block->planes + 512);
        AT(masks_of)(column, block->planes, masks);
        if (column->other_end > column->other_begin) {
            AT(planes_of)(block->missing, block->planes);
            for (int64_t e = column->other_begin; e < column->other_end; e++)
                for (int part = 0; part < PARTS; part++) {
                    const VEC m = *(VEC *)(masks + 64 * (size_t)g->others[e] + LANE * part);
                    const VEC gone = *(VEC *)(block->planes + LANE * part);
                    *(VEC *)(masks + 64 * (size_t)(g->first_other + e) + LANE * part) =
                        column->flags & MISSING_IS_RIGHT ? m & ~gone : m | gone;
                }
        }
    }
}

/* A tree as multiplexers: each step chooses between two masks by a third. */
static inline void AT(run_steps)(const uint16_t *restrict step, const uint16_t *end, uint8_t *masks,
                                 uint8_t *out) {
    for (; step < end; step += 3, out += 64)
        for (int part = 0; part < PARTS; part++) {
            const VEC m = *(const VEC *)(masks + 64 * (size_t)step[0] + LANE * part);
            const VEC l = *(const VEC *)(masks + 64 * (size_t)step[1] + LANE * part);
            const VEC r = *(const VEC *)(masks + 64 * (size_t)step[2] + LANE * part);
            *(VEC *)(out + LANE * part) = l ^ ((l ^ r) & m);
        }
}

static void AT(add_f32)(const float *restrict leaf, const uint8_t *restrict index,
                        float *restrict sum) {
    for (int p = 0; p < ROWS; p++) sum[p] += leaf[index[p]];
}

static void AT(add_f64)(const double *restrict leaf, const uint8_t *restrict index,
                        double *restrict sum) {
    for (int p = 0; p < ROWS; p++) sum[p] += leaf[index[p]];
}

/* Rows of classes, padded to whole eights, are added at once. */
static void AT(add_rows)(const double *restrict leaf, const block_t *block, int64_t eights,
                         double *restrict sum) {
    for (int p = 0; p < ROWS; p++) {
        const size_t index = block->low[p] | (size_t)block->high[p] << 8;
        for (int64_t e = 0; e < eights * PARTS; e++) {
            const size_t at = (size_t)e * (LANE / 8);
            *(VECD *)(sum + (size_t)p * eights * 8 + at) +=
                *(const VECD *)(leaf + index * eights * 8 + at);
        }
    }
}

static void AT(add_leaves)(const group_t *g, const tree_t *tree, block_t *block) {
    const int deep = tree->width > 8;
    if (tree->class < 0) {
        const double *leaf = (const double *)g->leaves + tree->leaf;
        if (g->classes <= 8) AT(add_rows)(leaf, block, 1, block->sums);
        else AT(add_rows)(leaf, block, (g->classes + 7) / 8, block->sums);
    } else if (g->wide) {
        const double *leaf = (const double *)g->leaves + tree->leaf;
        double *sum = (double *)block->sums + tree->class * ROWS;
        if (!deep) AT(add_f64)(leaf, block->low, sum);
        else for (int p = 0; p < ROWS; p++) sum[p] += leaf[block->low[p] | block->high[p] << 8];
    } else {
        const float *leaf = (const float *)g->leaves + tree->leaf;
        float *sum = (float *)block->sums + tree->class * ROWS;
        if (!deep) AT(add_f32)(leaf, block->low, sum);
        else for (int p = 0; p < ROWS; p++) sum[p] += leaf[block->low[p] | block->high[p] << 8];
    }
}

static void AT(score)(const group_t *g, const float *features, int64_t stride, void *margins,
                      int64_t n, block_t *block) {
    for (int64_t start = 0; start < n; start += ROWS) {
        const int64_t rows = n - start < ROWS ? n - start : ROWS;
        move_sums(g, margins, n, start, rows, block, 0);
        AT(fill_masks)(g, features + start, stride, rows, block);
        memset(block->high, 0, sizeof block->high);
        for (int64_t t = 0; t < g->n_trees; t++) {
            const tree_t *tree = g->trees + t;
            const uint16_t *which = g->bits + tree->bit;
            AT(run_steps)(g->steps + 3 * tree->step, g->steps + 3 * tree->step_end, block->masks,
                          block->masks + 64 * (size_t)g->first_step);
            AT(bytes_of)(block->masks, which, tree->width < 8 ? (int)tree->width : 8, block->low);
            if (tree->width > 8)
                AT(bytes_of)(block->masks, which + 8, (int)tree->width - 8, block->high);
            else if (tree->class < 0)
                memset(block->high, 0, sizeof block->high);
            AT(add_leaves)(g, tree, block);
        }
        move_sums(g, margins, n, start, rows, block, 1);
    }
}

/* e**x for x <= 0, within an ulp or so: Cody and Waite's reduction, Taylor's series to the 13th power. */
static inline double AT(exponential)(double x) {
    const double clipped = x < -708.0 ? -708.0 : x;
    const double shifted = clipped * 0x1.71547652b82fep+0 + 0x1.8p52;
    const double whole = shifted - 0x1.8p52;
    const double r = (clipped - whole * 0x1.62e42fee00000p-1) - whole * 0x1.a39ef35793c76p-33;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 52) + 0x3ff0000000000000ULL;
    double power;
    memcpy(&power, &bits, sizeof power);
    double s = 1.0 / 6227020800.0;
    s = s * r + 1.0 / 479001600.0;
    s = s * r + 1.0 / 39916800.0;
    s = s * r + 1.0 / 3628800.0;
    s = s * r + 1.0 / 362880.0;
    s = s * r + 1.0 / 40320.0;
    s = s * r + 1.0 / 5040.0;
    s = s * r + 1.0 / 720.0;
    s = s * r + 1.0 / 120.0;
    s = s * r + 1.0 / 24.0;
    s = s * r + 1.0 / 6.0;
    s = s * r + 0.5;
    s = s * r + 1.0;
    s = s * r + 1.0;
    return s * power;
}

/* log of a normal number in (0, 1]: x = 2**k f, f in [sqrt(1/2), sqrt(2)), log f = 2 artanh((f - 1) / (f + 1)). */
static inline double AT(logarithm)(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits += 0x3ff0000000000000ULL - 0x3fe6a09e667f3bcdULL;
    const uint64_t biased = bits >> 52 | 0x4330000000000000ULL;
    double k;
    memcpy(&k, &biased, sizeof k);
    k = k - (0x1p52 + 1023.0);
    bits = (bits & 0x000fffffffffffffULL) + 0x3fe6a09e667f3bcdULL;
    double f;
    memcpy(&f, &bits, sizeof f);
    const double s = (f - 1.0) / (f + 1.0);
    const double z = s * s;
    double q = 1.0 / 21.0;
    q = q * z + 1.0 / 19.0;
    q = q * z + 1.0 / 17.0;
    q = q * z + 1.0 / 15.0;
    q = q * z + 1.0 / 13.0;
    q = q * z + 1.0 / 11.0;
    q = q * z + 1.0 / 9.0;
    q = q * z + 1.0 / 7.0;
    q = q * z + 1.0 / 5.0;
    q = q * z + 1.0 / 3.0;
    return k * 0x1.62e42fefa39efp-1 + (2.0 * s + 2.0 * s * z * q);
}

/* margins = softmax(slope * margins), total += weight * margins, class by class; margins that are more than `lowest`
 * below the highest are held there. */
static void AT(vote)(double *restrict margins, double *restrict total, int64_t classes, int64_t n,
                     double lowest, double slope, double weight) {
    double highest[ROWS], sum[ROWS];
    for (int64_t start = 0; start < n; start += ROWS) {
        const int64_t rows = n - start < ROWS ? n - start : ROWS;
        double *restrict m = margins + start;
        for (int64_t p = 0; p < rows; p++) highest[p] = m[p];
        for (int64_t c = 1; c < classes; c++)
            for (int64_t p = 0; p < rows; p++)
                highest[p] = m[c * n + p] > highest[p] ? m[c * n + p] : highest[p];
        for (int64_t p = 0; p < rows; p++) sum[p] = 0.0;
        for (int64_t c = 0; c < classes; c++)
            for (int64_t p = 0; p < rows; p++) {
                const double below = m[c * n + p] - highest[p];
                const double e = AT(exponential)((below < lowest ? lowest : below) * slope);
                m[c * n + p] = e;
                sum[p] += e;
            }
        for (int64_t c = 0; c < classes; c++)
            for (int64_t p = 0; p < rows; p++) {
                const double share = m[c * n + p] / sum[p];
                m[c * n + p] = share;
                total[c * n + start + p] += weight * share;
            }
    }
}

/* gap += weight * the sum over classes of |probabilities - total|. */
static void AT(part)(const double *restrict probabilities, const double *restrict total,
                     int64_t classes, int64_t n, double weight, double *restrict gap) {
    double apart[ROWS];
    for (int64_t start = 0; start < n; start += ROWS) {
        const int64_t rows = n - start < ROWS ? n - start : ROWS;
        for (int64_t p = 0; p < rows; p++) apart[p] = 0.0;
        for (int64_t c = 0; c < classes; c++)
            for (int64_t p = 0; p < rows; p++)
                apart[p] += fabs(probabilities[c * n + start + p] - total[c * n + start + p]);
        for (int64_t p = 0; p < rows; p++) gap[start + p] += weight * apart[p];
    }
}

/* total = softmax(slope * log(total)); what is less than `least` of the highest is held there. */
static void AT(temper)(double *restrict total, int64_t classes, int64_t n, double least,
                       double slope) {
    double highest[ROWS], top[ROWS], sum[ROWS];
    for (int64_t start = 0; start < n; start += ROWS) {
        const int64_t rows = n - start < ROWS ? n - start : ROWS;
        double *restrict m = total + start;
        for (int64_t p = 0; p < rows; p++) highest[p] = m[p];
        for (int64_t c = 1; c < classes; c++)
            for (int64_t p = 0; p < rows; p++)
                highest[p] = m[c * n + p] > highest[p] ? m[c * n + p] : highest[p];
        for (int64_t p = 0; p < rows; p++) top[p] = AT(logarithm)(highest[p]);
        for (int64_t p = 0; p < rows; p++) sum[p] = 0.0;
        for (int64_t c = 0; c < classes; c++)
            for (int64_t p = 0; p < rows; p++) {
                const double held_at = least * highest[p];
                const double held = m[c * n + p] < held_at ? held_at : m[c * n + p];
                const double below = AT(logarithm)(held) - top[p];
                const double e = AT(exponential)((below > 0.0 ? 0.0 : below) * slope);
                m[c * n + p] = e;
                sum[p] += e;
            }
        for (int64_t c = 0; c < classes; c++)
            for (int64_t p = 0; p < rows; p++) m[c * n + p] /= sum[p];
    }
}

/* Class, top probability, margin and entropy of mean probabilities. */
static void AT(decide)(const double *restrict mean, int64_t classes, int64_t n, double uniform,
                       uint8_t *restrict best, uint8_t *restrict sure) {
    double top[ROWS], second[ROWS], entropy[ROWS], chosen[ROWS];
    for (int64_t start = 0; start < n; start += ROWS) {
        const int64_t rows = n - start < ROWS ? n - start : ROWS;
        for (int64_t p = 0; p < rows; p++) top[p] = second[p] = -1.0;
        for (int64_t p = 0; p < rows; p++) entropy[p] = chosen[p] = 0.0;
        for (int64_t c = 0; c < classes; c++) {
            const double *restrict m = mean + c * n + start;
            const double code = (double)c;
            for (int64_t p = 0; p < rows; p++) {
                const double v = m[p], runner = v > second[p] ? v : second[p];
                second[p] = v > top[p] ? top[p] : runner;
                chosen[p] = v > top[p] ? code : chosen[p];
                top[p] = v > top[p] ? v : top[p];
            }
            for (int64_t p = 0; p < rows; p++)
                entropy[p] -= m[p] * AT(logarithm)(m[p] > 0.0 ? m[p] : 1.0);
        }
        for (int64_t p = 0; p < rows; p++) {
            const double e = entropy[p] / uniform;
            best[start + p] = (uint8_t)chosen[p];
            sure[start + p] = as_byte(top[p]);
            sure[n + start + p] = as_byte(top[p] - second[p]);
            sure[2 * n + start + p] = as_byte(e < 0.0 ? 0.0 : e > 1.0 ? 1.0 : e);
        }
    }
}

#undef PARTS
#undef VEC
#undef VECD
