// Valid convolution of square maps by discrete Fourier transforms, with its gradients; compiled where it first runs.
//
// Maps lie as (face, row, column, channel). All arithmetic is on vectors of neighbouring channels. A transform goes along
// the rows at the angles pi (4 f + 1) / N, f < N / 2, which say everything of real values, and then down the columns at
// 2 pi g / N. One f after the other is taken down the columns, multiplied and taken back, so that this stays in cache.
//
// Sources: Good, J. R. Stat. Soc. B 1958 (lengths without a common factor); Cooley and Tukey, Math. Comp. 1965 (8 and 16).

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif
typedef float V __attribute__((vector_size(4 * LANES)));
typedef float Unaligned __attribute__((vector_size(4 * LANES), aligned(4)));

static inline V load(const float *from) { return *(const Unaligned *)from; }
static inline void store(float *to, V values) { *(Unaligned *)to = values; }

// ---- transforms of 2 to 16 vectors, in place --------------------------------------------------------------------

template <int N> static inline __attribute__((always_inline)) void small(V *re, V *im);

template <> inline __attribute__((always_inline)) void small<2>(V *re, V *im) {
    V a = re[0], b = im[0];
    re[0] = a + re[1], im[0] = b + im[1];
    re[1] = a - re[1], im[1] = b - im[1];
}

template <> inline __attribute__((always_inline)) void small<4>(V *re, V *im) {
    V a = re[0] + re[2], b = im[0] + im[2], c = re[0] - re[2], d = im[0] - im[2];
    V e = re[1] + re[3], f = im[1] + im[3], g = re[1] - re[3], h = im[1] - im[3];
    re[0] = a + e, im[0] = b + f, re[2] = a - e, im[2] = b - f;
    re[1] = c + h, im[1] = d - g, re[3] = c - h, im[3] = d + g;
}

// Twice an even length; the odd values' transform, turned by -pi k / H, is added and subtracted (Cooley and Tukey).
template <int H> static inline __attribute__((always_inline)) void doubled(V *re, V *im, const float (&cosine)[H / 2]) {
    V er[H], ei[H], rr[H], ri[H];
#pragma GCC unroll 8
    for (int j = 0; j < H; j++) er[j] = re[2 * j], ei[j] = im[2 * j], rr[j] = re[2 * j + 1], ri[j] = im[2 * j + 1];
    small<H>(er, ei), small<H>(rr, ri);
#pragma GCC unroll 8
    for (int k = 0; k < H; k++) {
        V a = rr[k], b = ri[k];
        if (k % (H / 2)) { // the sine of an angle is the cosine of what it lacks to a right one
            const int low = k % (H / 2);
            a = rr[k] * cosine[low] + ri[k] * cosine[H / 2 - low], b = ri[k] * cosine[low] - rr[k] * cosine[H / 2 - low];
        }
        if (k < H / 2) re[k] = er[k] + a, im[k] = ei[k] + b, re[k + H] = er[k] - a, im[k + H] = ei[k] - b;
        else re[k] = er[k] + b, im[k] = ei[k] - a, re[k + H] = er[k] - b, im[k + H] = ei[k] + a; // a right angle more
    }
}
template <> inline __attribute__((always_inline)) void small<8>(V *re, V *im) { doubled<4>(re, im, {1, 0.70710678118654752440f}); }
template <> inline __attribute__((always_inline)) void small<16>(V *re, V *im) {
    doubled<8>(re, im, {1, 0.92387953251128675613f, 0.70710678118654752440f, 0.38268343236508977173f});
}

// Prime lengths: sums and differences of opposite vectors halve the products.
template <int N> static inline __attribute__((always_inline)) void prime(V *re, V *im, const float (&c)[N / 2], const float (&s)[N / 2]) {
    constexpr int H = N / 2;
    V ar[H], ai[H], br[H], bi[H], r0 = re[0], i0 = im[0], sr = r0, si = i0;
#pragma GCC unroll 8
    for (int j = 0; j < H; j++) {
        ar[j] = re[j + 1] + re[N - 1 - j], ai[j] = im[j + 1] + im[N - 1 - j];
        br[j] = re[j + 1] - re[N - 1 - j], bi[j] = im[j + 1] - im[N - 1 - j];
        sr += ar[j], si += ai[j];
    }
    re[0] = sr, im[0] = si;
#pragma GCC unroll 8
    for (int k = 1; k <= H; k++) {
        V pr = r0, pi = i0, qr = V{}, qi = V{};
#pragma GCC unroll 8
        for (int j = 1; j <= H; j++) {
            const int m = j * k % N, at = (m <= H ? m : N - m) - 1;
            const float sine = m <= H ? s[at] : -s[at];
            pr += ar[j - 1] * c[at], pi += ai[j - 1] * c[at];
            qr += br[j - 1] * sine, qi += bi[j - 1] * sine;
        }
        re[k] = pr + qi, im[k] = pi - qr, re[N - k] = pr - qi, im[N - k] = pi + qr;
    }
}

template <> inline __attribute__((always_inline)) void small<3>(V *re, V *im) {
    prime<3>(re, im, {-0.5f}, {0.86602540378443864676f});
}
template <> inline __attribute__((always_inline)) void small<5>(V *re, V *im) {
    prime<5>(re, im, {0.30901699437494742410f, -0.80901699437494742410f}, {0.95105651629515357212f, 0.58778525229247312917f});
}
template <> inline __attribute__((always_inline)) void small<7>(V *re, V *im) {
    prime<7>(re, im, {0.62348980185873353053f, -0.22252093395631440429f, -0.90096886790241912624f},
             {0.78183148246802980871f, 0.97492791218182360702f, 0.43388373911755812048f});
}

// A * B values, two lengths without a common factor, so that nothing is turned between (Good): value B a + A b, and the angle
// that leaves k when divided by A and l by B.
template <int A, int B> static inline __attribute__((always_inline)) void coprime(V *re, V *im) {
    V xr[A][B], xi[A][B];
#pragma GCC unroll 8
    for (int a = 0; a < A; a++) {
#pragma GCC unroll 8
        for (int b = 0; b < B; b++) xr[a][b] = re[(B * a + A * b) % (A * B)], xi[a][b] = im[(B * a + A * b) % (A * B)];
        small<B>(xr[a], xi[a]);
    }
#pragma GCC unroll 16
    for (int l = 0; l < B; l++) {
        V yr[A], yi[A];
#pragma GCC unroll 8
        for (int a = 0; a < A; a++) yr[a] = xr[a][l], yi[a] = xi[a][l];
        small<A>(yr, yi);
#pragma GCC unroll 16
        for (int at = l; at < A * B; at += B) re[at] = yr[at % A], im[at] = yi[at % A];
    }
}
template <> inline __attribute__((always_inline)) void small<6>(V *re, V *im) { coprime<2, 3>(re, im); }
template <> inline __attribute__((always_inline)) void small<12>(V *re, V *im) { coprime<3, 4>(re, im); }

// ---- a transform of A * B vectors --------------------------------------------------------------------------------

struct Line { // real and imaginary parts of vectors, `step` floats apart; the first `count` are there or wanted
    const float *re, *im;
    long step;
    int count;
};

// As `coprime`, from memory to memory.
template <int A, int B> struct Transform {
    static constexpr int N = A * B;
    int read[A][B], written[B][A];
    Transform() {
        for (int a = 0; a < A; a++)
            for (int b = 0; b < B; b++) read[a][b] = (B * a + A * b) % N;
        for (int at = 0; at < N; at++) written[at % B][at % A] = at;
    }
    // Exponent -2 pi i; with real and imaginary parts exchanged on both sides, +2 pi i.
    void run(const Line in, float *re, float *im, long step, int wanted) const {
        V between_re[A][B], between_im[A][B];
        for (int a = 0; a < A; a++) {
            V xr[B], xi[B];
#pragma GCC unroll 16
            for (int b = 0; b < B; b++) {
                const int at = read[a][b];
                xr[b] = at < in.count ? load(in.re + at * in.step) : V{};
                xi[b] = at < in.count ? load(in.im + at * in.step) : V{};
            }
            small<B>(xr, xi);
#pragma GCC unroll 16
            for (int b = 0; b < B; b++) between_re[a][b] = xr[b], between_im[a][b] = xi[b];
        }
        for (int l = 0; l < B; l++) {
            V yr[A], yi[A];
#pragma GCC unroll 16
            for (int a = 0; a < A; a++) yr[a] = between_re[a][l], yi[a] = between_im[a][l];
            small<A>(yr, yi);
#pragma GCC unroll 16
            for (int k = 0; k < A; k++) {
                const int at = written[l][k];
                if (at < wanted) store(re + at * step, yr[k]), store(im + at * step, yi[k]);
            }
        }
    }
};

// N real values, N / 2 angles. x[n] - i x[n + N / 2], turned by -pi n / N, has them as its transform.
template <int A, int B> struct RealTransform {
    static constexpr int H = A * B, N = 2 * H;
    Transform<A, B> half;
    float cosine[H], sine[H];
    RealTransform() {
        for (int n = 0; n < H; n++) cosine[n] = (float)std::cos(M_PI * n / N), sine[n] = (float)std::sin(M_PI * n / N);
    }
    void run(const float *in, long in_step, int count, float *re, float *im, long step) const {
        float z[2][H * LANES] __attribute__((aligned(64)));
        for (int n = 0; n < H; n++) {
            const V a = n < count ? load(in + n * in_step) : V{}, b = n + H < count ? load(in + (n + H) * in_step) : V{};
            store(z[0] + n * LANES, a * cosine[n] - b * sine[n]), store(z[1] + n * LANES, -a * sine[n] - b * cosine[n]);
        }
        half.run({z[0], z[1], LANES, H}, re, im, step, H);
    }
    // The first `count` of the N real values, times `scale`.
    void back(const float *re, const float *im, long step, int count, float scale, float *out, long out_step) const {
        float z[2][H * LANES] __attribute__((aligned(64)));
        half.run({im, re, step, H}, z[1], z[0], LANES, H);
        for (int n = 0; n < H; n++) {
            const V a = load(z[0] + n * LANES) * scale, b = load(z[1] + n * LANES) * scale;
            if (n < count) store(out + n * out_step, a * cosine[n] - b * sine[n]);
            if (n + H < count) store(out + (n + H) * out_step, -a * sine[n] - b * cosine[n]);
        }
    }
};

// ---- products of spectra -----------------------------------------------------------------------------------------

// out[item][part][o] += or = sum over c of in[item][part][c] * matrix[part][c][o], the matrix conjugated or not.
struct Product {
    float *in;
    const float *matrix;
    float *out;
    long in_item, in_part, out_item, out_part;
    int inputs, outputs;
    Product turned() const { return {out, matrix, in, out_item, out_part, in_item, in_part, outputs, inputs}; }
};

template <int ITEMS, int VECTORS, bool CONJUGATED> static inline void product_block(const Product &p, int item, int o) {
    V re[ITEMS][VECTORS], im[ITEMS][VECTORS];
#pragma GCC unroll 4
    for (int i = 0; i < ITEMS; i++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) re[i][v] = im[i][v] = V{};
    const float *in = p.in + item * p.in_item, *mr = p.matrix + o, *mi = mr + (long)p.inputs * p.outputs;
    const long next = 2L * p.inputs * p.outputs; // the matrix of the next angle
    for (int c = 0; c < p.inputs; c++, mr += p.outputs, mi += p.outputs) {
        __builtin_prefetch(mr + next), __builtin_prefetch(mi + next);
        V ar[VECTORS], ai[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) ar[v] = load(mr + v * LANES), ai[v] = load(mi + v * LANES);
#pragma GCC unroll 4
        for (int i = 0; i < ITEMS; i++) {
            const float xr = in[i * p.in_item + c], xi = in[i * p.in_item + p.in_part + c];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) {
                re[i][v] += xr * ar[v], im[i][v] += xi * ar[v];
                if (CONJUGATED) re[i][v] += xi * ai[v], im[i][v] -= xr * ai[v];
                else re[i][v] -= xi * ai[v], im[i][v] += xr * ai[v];
            }
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < ITEMS; i++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) {
            float *out = p.out + (item + i) * p.out_item + o + v * LANES;
            store(out, re[i][v]), store(out + p.out_part, im[i][v]);
        }
}

template <int VECTORS, bool CONJUGATED> static inline void product_items(const Product &p, int items, int o) {
    int item = 0;
    for (; item + 2 <= items; item += 2) product_block<2, VECTORS, CONJUGATED>(p, item, o);
    if (item < items) product_block<1, VECTORS, CONJUGATED>(p, item, o);
}

template <bool CONJUGATED> static void multiply(const Product &p, int items) {
    int o = 0;
    for (; o + 2 * LANES <= p.outputs; o += 2 * LANES) product_items<2, CONJUGATED>(p, items, o);
    for (; o + LANES <= p.outputs; o += LANES) product_items<1, CONJUGATED>(p, items, o);
}

// sum[part][c][o] += sum over items of conjugate(in[item][part][c]) * out[item][part][o]
template <int CHANNELS, int VECTORS> static inline void outer_block(const Product &p, float *sum, int items, int c, int o) {
    V re[CHANNELS][VECTORS], im[CHANNELS][VECTORS];
    const long imaginary = (long)p.inputs * p.outputs;
    float *at = sum + (long)c * p.outputs + o;
#pragma GCC unroll 4
    for (int i = 0; i < CHANNELS; i++) {
        __builtin_prefetch(at + 2 * imaginary + i * p.outputs, 1), __builtin_prefetch(at + 3 * imaginary + i * p.outputs, 1);
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++)
            re[i][v] = load(at + i * p.outputs + v * LANES), im[i][v] = load(at + imaginary + i * p.outputs + v * LANES);
    }
    const float *in = p.in + c, *out = p.out + o;
    for (int item = 0; item < items; item++, in += p.in_item, out += p.out_item) {
        V gr[VECTORS], gi[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) gr[v] = load(out + v * LANES), gi[v] = load(out + p.out_part + v * LANES);
#pragma GCC unroll 4
        for (int i = 0; i < CHANNELS; i++) {
            const float xr = in[i], xi = in[p.in_part + i];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) {
                re[i][v] += xr * gr[v], im[i][v] += xr * gi[v];
                re[i][v] += xi * gi[v], im[i][v] -= xi * gr[v];
            }
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < CHANNELS; i++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) {
            store(at + i * p.outputs + v * LANES, re[i][v]);
            store(at + imaginary + i * p.outputs + v * LANES, im[i][v]);
        }
}

template <int VECTORS> static inline void outer_channels(const Product &p, float *sum, int items, int o) {
    int c = 0;
    for (; c + 2 <= p.inputs; c += 2) outer_block<2, VECTORS>(p, sum, items, c, o);
    if (c < p.inputs) outer_block<1, VECTORS>(p, sum, items, c, o);
}

static void outer(const Product &p, float *sum, int items) {
    int o = 0;
    for (; o + 2 * LANES <= p.outputs; o += 2 * LANES) outer_channels<2>(p, sum, items, o);
    for (; o + LANES <= p.outputs; o += LANES) outer_channels<1>(p, sum, items, o);
}

// ---- layers ------------------------------------------------------------------------------------------------------

struct Free { void operator()(float *p) const { std::free(p); } };
typedef std::unique_ptr<float, Free> Buffer;
static Buffer buffer(long count) { return Buffer((float *)std::aligned_alloc(64, (count * 4 + 63) / 64 * 64)); }

// What one patch's layer reads and writes. `packed` faces lie beside each other at each place of the maps, LANES / packed
// channels each, or one with all its channels; `width` floats in all.
struct Layer {
    const float *maps, *spectrum, *bias; // spectrum: [f][g][part][input][output]
    float *out;
    int faces, packed, width, side, kernel, inputs, outputs;
    int items() const { return (faces + packed - 1) / packed; }
    int out_side() const { return side - kernel + 1; }
};

// Steps from one angle to the next are never whole multiples of the cache's own size, or all would meet in one set.
constexpr long APART = 16;

// A slab is what belongs to one angle f: [item][row][part][channel], or to one angle g: [item][part][channel].
static inline long f_step(long items, int side, int width) { return 2 * items * side * width + APART; }
static inline long g_step(long items, int width) { return 2 * items * width + APART; }

template <class Rows, class Columns> struct Stages {
    static constexpr int N = Columns::N, H = Rows::H;
    static_assert(N == 2 * H, "rows have half as many angles as columns");
    Rows rows;
    Columns columns;

    // Maps -> slabs of all f.
    void along(const float *maps, int items, int side, int width, float *to) const {
        const long step = f_step(items, side, width), row = (long)side * width;
        for (long y = 0; y < (long)items * side; y++) {
            fetch<0>(maps + (y + 1) * row, row);
            for (int c = 0; c < width; c += LANES) {
                float *into = to + y * 2 * width + c;
                fetch_row<1>(into, step, width, c);
                rows.run(maps + y * row + c, width, side, into, into + width, step);
            }
        }
    }
    // The slab of one f -> slabs of all g.
    void down(const float *from, int items, int side, int width, float *to) const {
        const long item_step = 2L * side * width;
        for (int item = 0; item < items; item++) {
            fetch<0>(from + f_step(items, side, width) + item * item_step, item_step);
            for (int c = 0; c < width; c += LANES) {
                const float *at = from + (long)item * side * 2 * width + c;
                float *into = to + (long)item * 2 * width + c;
                columns.run({at, at + width, 2 * width, side}, into, into + width, g_step(items, width), N);
            }
        }
    }
    // Slabs of all g, of which `items` of `there` count -> the first `side` rows of one f.
    void down_back(const float *from, int there, int items, int side, int width, float *to) const {
        const long item_step = 2L * side * width;
        for (int item = 0; item < items; item++) {
            fetch<1>(to + f_step(items, side, width) + item * item_step, item_step);
            for (int c = 0; c < width; c += LANES) {
                const float *at = from + (long)item * 2 * width + c;
                float *into = to + item * item_step + c;
                columns.run({at + width, at, g_step(there, width), N}, into + width, into, 2 * width, side);
            }
        }
    }
    // Slabs of all f -> maps; with a bias, added and rectified.
    void along_back(const float *from, int items, int side, int width, const float *bias, float *maps) const {
        const long step = f_step(items, side, width), row = (long)side * width;
        const float scale = 2.0f / ((float)N * N);
        for (long y = 0; y < (long)items * side; y++) {
            const float *at = from + y * 2 * width;
            fetch<1>(maps + (y + 1) * row, row);
            for (int c = 0; c < width; c += LANES) {
                fetch_row<0>(at + c, step, width, c);
                rows.back(at + c, at + width + c, step, side, scale, maps + y * row + c, width);
            }
            if (bias) rectify(maps + y * row, row, width, bias);
        }
    }

  private:
    // What the next angle will read or write is fetched while this one is worked on.
    template <int WRITTEN> static inline void fetch(const float *from, long count) {
        for (long at = 0; at < count; at += 16) __builtin_prefetch(from + at, WRITTEN, 2);
    }
    // Likewise, of the next row, the places of one line of the cache in all slabs.
    template <int WRITTEN> static inline void fetch_row(const float *at, long step, int width, int channel) {
        if (channel % 16) return;
        for (int f = 0; f < H; f++)
            __builtin_prefetch(at + f * step + 2 * width, WRITTEN, 2), __builtin_prefetch(at + f * step + 3 * width, WRITTEN, 2);
    }
    static inline void rectify(float *values, long count, int width, const float *bias) {
        for (int c = 0; c < width; c += LANES) {
            const V more = load(bias + c);
            for (long at = c; at < count; at += width) {
                const V value = load(values + at) + more;
                store(values + at, value < 0 ? V{} : value);
            }
        }
    }
};

template <class S> static const S &stages() {
    static const S made;
    return made;
}

// Work space for `chunk` items, and the part of a layer that it is used for at a time.
template <class S> struct Part {
    const Layer &layer;
    const int width, side, out_side, outputs, chunk;
    Buffer maps_f, outputs_f, maps_g, outputs_g;
    int first = 0, items = 0, face = 0, faces = 0, padded = 0; // `padded` counts lanes without a face, too
    Part(const Layer &whole, int at_once)
        : layer(whole), width(whole.width), side(whole.side), out_side(whole.out_side()), outputs(whole.outputs),
          chunk(at_once), maps_f(buffer(S::H * f_step(at_once, side, width))),
          outputs_f(buffer(S::H * f_step((long)at_once * whole.packed, out_side, outputs))),
          maps_g(buffer(S::N * g_step(at_once, width))),
          outputs_g(buffer(S::N * g_step((long)at_once * whole.packed, outputs))) {}
    bool next() {
        first += items, face += faces;
        const int items_left = layer.items() - first, faces_left = layer.faces - face;
        items = items_left < chunk ? items_left : chunk, padded = items * layer.packed;
        faces = faces_left < padded ? faces_left : padded;
        return items > 0;
    }
    const float *maps() const { return layer.maps + (long)first * side * side * width; }
    float *slab(int f) const { return maps_f.get() + f * f_step(items, side, width); }
    // The products of angle g, for the faces in one lane.
    Product product(int g, int lane, const float *matrix) const {
        return {maps_g.get() + g * g_step(items, width) + lane * (LANES / layer.packed), matrix,
                outputs_g.get() + g * g_step(padded, outputs) + 2L * lane * outputs,
                2L * width, width, 2L * layer.packed * outputs, outputs, layer.inputs, outputs};
    }
};

// out = rectified(convolution + bias)
template <class S> static void forward(const Layer &layer, int chunk) {
    const S &stage = stages<S>();
    const long matrix = 2L * layer.inputs * layer.outputs, out_face = (long)layer.out_side() * layer.out_side() * layer.outputs;
    Part<S> part(layer, chunk);
    while (part.next()) {
        stage.along(part.maps(), part.items, part.side, part.width, part.maps_f.get());
        for (int f = 0; f < S::H; f++) {
            stage.down(part.slab(f), part.items, part.side, part.width, part.maps_g.get());
            for (int g = 0; g < S::N; g++)
                for (int lane = 0; lane < layer.packed; lane++)
                    multiply<false>(part.product(g, lane, layer.spectrum + ((long)f * S::N + g) * matrix), part.items);
            stage.down_back(part.outputs_g.get(), part.padded, part.faces, part.out_side, part.outputs,
                             part.outputs_f.get() + f * f_step(part.faces, part.out_side, part.outputs));
        }
        stage.along_back(part.outputs_f.get(), part.faces, part.out_side, part.outputs, layer.bias, layer.out + part.face * out_face);
    }
}

// What the gradient needs besides the layer.
struct Gradient {
    const float *out;    // of the outputs
    const float *turned; // the spectrum as [f][g][part][output][input]; null where the maps need no gradient
    float *maps, *spectrum, *bias; // to be written; spectrum and bias begin at zero
};

static void rectified_gradient(const float *gradient, const float *out, long places, int outputs, float *to, float *bias) {
    for (int c = 0; c < outputs; c += LANES) {
        V sum = {};
        for (long at = c; at < places * outputs; at += outputs) {
            const V value = load(out + at) > 0 ? load(gradient + at) : V{};
            store(to + at, value);
            sum += value;
        }
        store(bias + c, load(bias + c) + sum);
    }
}

template <class S> static void backward(const Layer &layer, const Gradient &gradient, int chunk) {
    const S &stage = stages<S>();
    const long matrix = 2L * layer.inputs * layer.outputs, out_places = (long)layer.out_side() * layer.out_side();
    const long out_face = out_places * layer.outputs, face = (long)layer.side * layer.side * layer.width;
    Part<S> part(layer, chunk);
    Buffer masked = buffer(chunk * layer.packed * out_face);
    while (part.next()) {
        std::memset(masked.get(), 0, 4 * part.padded * out_face);
        for (int at = 0; at < part.faces; at++)
            rectified_gradient(gradient.out + (part.face + at) * out_face, layer.out + (part.face + at) * out_face, out_places,
                               part.outputs, masked.get() + at * out_face, gradient.bias);
        stage.along(part.maps(), part.items, part.side, part.width, part.maps_f.get());
        stage.along(masked.get(), part.padded, part.out_side, part.outputs, part.outputs_f.get());
        for (int f = 0; f < S::H; f++) {
            stage.down(part.slab(f), part.items, part.side, part.width, part.maps_g.get());
            stage.down(part.outputs_f.get() + f * f_step(part.padded, part.out_side, part.outputs), part.padded,
                        part.out_side, part.outputs, part.outputs_g.get());
            for (int g = 0; g < S::N; g++) {
                const long at = ((long)f * S::N + g) * matrix;
                for (int lane = 0; lane < layer.packed; lane++)
                    outer(part.product(g, lane, nullptr), gradient.spectrum + at, part.items);
                if (gradient.turned) multiply<true>(part.product(g, 0, gradient.turned + at).turned(), part.items);
            }
            if (gradient.turned)
                stage.down_back(part.maps_g.get(), part.items, part.items, part.side, part.width, part.slab(f));
        }
        if (gradient.turned)
            stage.along_back(part.maps_f.get(), part.items, part.side, part.width, nullptr, gradient.maps + part.first * face);
    }
}

typedef Stages<RealTransform<3, 4>, Transform<3, 8>> Points24;
typedef Stages<RealTransform<3, 7>, Transform<6, 7>> Points42;
typedef Stages<RealTransform<3, 8>, Transform<3, 16>> Points48;
typedef Stages<RealTransform<5, 6>, Transform<5, 12>> Points60;

extern "C" {
int lanes() { return LANES; }

// Windows [face][place][channel], `face_step` floats apart -> maps [item][place][packed][own], missing ones zero.
void pack(const float *windows, long face_step, int faces, long places, int channels, int packed, int own, float *maps) {
    std::memset(maps, 0, 4L * ((faces + packed - 1) / packed) * places * packed * own);
    for (int face = 0; face < faces; face++) {
        const float *from = windows + face * face_step;
        float *to = maps + (face / packed * places * packed + face % packed) * own;
        for (long place = 0; place < places; place++)
            for (int c = 0; c < channels; c++) to[place * packed * own + c] = from[place * channels + c];
    }
}

void spectral_forward(const Layer *layer, int points, int chunk) {
    if (points == 24) forward<Points24>(*layer, chunk);
    if (points == 42) forward<Points42>(*layer, chunk);
    if (points == 48) forward<Points48>(*layer, chunk);
    if (points == 60) forward<Points60>(*layer, chunk);
}

void spectral_backward(const Layer *layer, const Gradient *gradient, int points, int chunk) {
    if (points == 24) backward<Points24>(*layer, *gradient, chunk);
    if (points == 42) backward<Points42>(*layer, *gradient, chunk);
    if (points == 48) backward<Points48>(*layer, *gradient, chunk);
    if (points == 60) backward<Points60>(*layer, *gradient, chunk);
}
}

#include "grouped.cpp"
