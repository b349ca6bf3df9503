// Valid convolution with small kernels, a group of channels for each patch, and its gradients. A block of neighbouring
// outputs stays in registers while all its products are summed. Included by spectral.cpp.

// PIXELS outputs of one row, VECTORS vectors of channels each: the sum over taps and inputs of x * w. Where taps run
// backwards, their steps are negative.
struct Row {
    const float *x, *w, *bias; // bias may be null
    float *y;
    long x_row, x_pixel, x_tap, w_row, w_tap, y_pixel;
    int rows, columns, inputs, outputs;
    bool rectify = false;
};

template <int PIXELS, int VECTORS> static inline void row_block(const Row &r, int pixel, int o) {
    V sum[PIXELS][VECTORS];
#pragma GCC unroll 8
    for (int p = 0; p < PIXELS; p++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) sum[p][v] = r.bias ? load(r.bias + o + v * LANES) : V{};
    for (int ky = 0; ky < r.rows; ky++)
        for (int kx = 0; kx < r.columns; kx++) {
            const float *at = r.x + pixel * r.x_pixel + ky * r.x_row + kx * r.x_tap, *own = r.w + o + ky * r.w_row + kx * r.w_tap;
            for (int c = 0; c < r.inputs; c++, own += r.outputs) {
                V a[VECTORS];
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++) a[v] = load(own + v * LANES);
#pragma GCC unroll 8
                for (int p = 0; p < PIXELS; p++) {
                    const float value = at[p * r.x_pixel + c];
#pragma GCC unroll 4
                    for (int v = 0; v < VECTORS; v++) sum[p][v] += value * a[v];
                }
            }
        }
#pragma GCC unroll 8
    for (int p = 0; p < PIXELS; p++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) {
            const V value = sum[p][v];
            store(r.y + (pixel + p) * r.y_pixel + o + v * LANES, r.rectify ? (value < 0 ? V{} : value) : value);
        }
}

template <int VECTORS> static inline void row_pixels(const Row &r, int pixels, int o) {
    int pixel = 0;
    for (; pixel + 6 <= pixels; pixel += 6) row_block<6, VECTORS>(r, pixel, o);
    switch (pixels - pixel) {
    case 5: row_block<5, VECTORS>(r, pixel, o); break;
    case 4: row_block<4, VECTORS>(r, pixel, o); break;
    case 3: row_block<3, VECTORS>(r, pixel, o); break;
    case 2: row_block<2, VECTORS>(r, pixel, o); break;
    case 1: row_block<1, VECTORS>(r, pixel, o); break;
    }
}

static void row(const Row &r, int pixels) {
    int o = 0;
    for (; o + 2 * LANES <= r.outputs; o += 2 * LANES) row_pixels<2>(r, pixels, o);
    for (; o + LANES <= r.outputs; o += LANES) row_pixels<1>(r, pixels, o);
}

// sum[c][o] += sum over `side` rows and columns of x[c] * g[o]
struct Taps {
    const float *x, *g;
    float *sum;
    long x_row, x_pixel, g_row, g_pixel;
    int side, channels, outputs;
};

template <int CHANNELS, int VECTORS> static inline void taps_block(const Taps &t, int c, int o) {
    V acc[CHANNELS][VECTORS];
    float *sum = t.sum + (long)c * t.outputs + o;
#pragma GCC unroll 8
    for (int i = 0; i < CHANNELS; i++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) acc[i][v] = load(sum + i * t.outputs + v * LANES);
    for (int y = 0; y < t.side; y++) {
        const float *at = t.x + c + y * t.x_row, *of = t.g + o + y * t.g_row;
        for (int p = 0; p < t.side; p++, at += t.x_pixel, of += t.g_pixel) {
            V a[VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) a[v] = load(of + v * LANES);
#pragma GCC unroll 8
            for (int i = 0; i < CHANNELS; i++)
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++) acc[i][v] += at[i] * a[v];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < CHANNELS; i++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) store(sum + i * t.outputs + v * LANES, acc[i][v]);
}

template <int VECTORS> static inline void taps_channels(const Taps &t, int o) {
    int c = 0;
    for (; c + 6 <= t.channels; c += 6) taps_block<6, VECTORS>(t, c, o);
    switch (t.channels - c) {
    case 5: taps_block<5, VECTORS>(t, c, o); break;
    case 4: taps_block<4, VECTORS>(t, c, o); break;
    case 3: taps_block<3, VECTORS>(t, c, o); break;
    case 2: taps_block<2, VECTORS>(t, c, o); break;
    case 1: taps_block<1, VECTORS>(t, c, o); break;
    }
}

static void taps(const Taps &t) {
    int o = 0;
    for (; o + 2 * LANES <= t.outputs; o += 2 * LANES) taps_channels<2>(t, o);
    for (; o + LANES <= t.outputs; o += LANES) taps_channels<1>(t, o);
}

// Where the maps of a face and a group lie; the channels of a place are neighbours.
struct Places {
    long face, group, row, pixel;
};

// A layer of some groups. weight: [group][ky][kx][input][output], bias: [group][output] or null, `weight_group` and
// `bias_group` floats from one group to the next. Outputs are rectified where `rectify` is not 0.
struct Grouped {
    float *maps, *out;
    const float *weight, *bias;
    Places maps_at, out_at;
    long weight_group, bias_group;
    int faces, first_group, last_group, side, kernel, stride, inputs, outputs, rectify;
    int out_side() const { return (side - kernel) / stride + 1; }
};

// What lies at the same place of the next group, which will be read or written, is fetched meanwhile.
template <int WRITTEN> static inline void fetch_next(const float *place, const Places &at, int channels) {
    for (int c = 0; c < channels; c += 16) __builtin_prefetch(place + at.group + c, WRITTEN, 2);
}

// One face's maps of one group, without what lies between, `step` floats from row to row.
static void gather(const float *from, const Places &at, int side, int channels, float *to, long step) {
    const int whole = channels / LANES * LANES;
    for (int y = 0; y < side; y++) {
        const float *place = from + y * at.row;
        float *into = to + y * step;
        for (int x = 0; x < side; x++, place += at.pixel, into += channels) {
            fetch_next<0>(place, at, channels);
            for (int c = 0; c < whole; c += LANES) store(into + c, load(place + c));
            for (int c = whole; c < channels; c++) into[c] = place[c];
        }
    }
}

// One face's gradient of one group's outputs, gathered likewise; where outputs are given, it is 0 where these are not above
// 0. What is gathered is added to the bias's gradient, if one is wanted.
template <int VECTORS> static inline void gather_channels(const float *from, const float *shown, const Places &at, int side, float *to, long step, int channels, float *bias) {
    V sum[VECTORS] = {};
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            const long place = y * at.row + x * at.pixel;
            fetch_next<0>(from + place, at, VECTORS * LANES);
            if (shown) fetch_next<0>(shown + place, at, VECTORS * LANES);
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) {
                V value = load(from + place + v * LANES);
                if (shown) value = load(shown + place + v * LANES) > 0 ? value : V{};
                store(to + y * step + (long)x * channels + v * LANES, value), sum[v] += value;
            }
        }
    if (bias)
        for (int v = 0; v < VECTORS; v++) store(bias + v * LANES, load(bias + v * LANES) + sum[v]);
}

static void gather_gradient(const float *from, const float *shown, const Places &at, int side, int channels, float *to, long step, float *bias) {
    int c = 0;
    for (; c + 2 * LANES <= channels; c += 2 * LANES)
        gather_channels<2>(from + c, shown ? shown + c : nullptr, at, side, to + c, step, channels, bias ? bias + c : nullptr);
    for (; c + LANES <= channels; c += LANES)
        gather_channels<1>(from + c, shown ? shown + c : nullptr, at, side, to + c, step, channels, bias ? bias + c : nullptr);
}

extern "C" {
void grouped_forward(const Grouped *layer) {
    const Grouped &l = *layer;
    const long near = (long)l.side * l.inputs, tap = (long)l.inputs * l.outputs;
    Buffer one = buffer(l.side * near);
    for (int n = 0; n < l.faces; n++)
        for (int g = l.first_group; g < l.last_group; g++) {
            gather(l.maps + n * l.maps_at.face + g * l.maps_at.group, l.maps_at, l.side, l.inputs, one.get(), near);
            for (int y = 0; y < l.out_side(); y++) { // the inputs of a row's taps are neighbours: one long tap
                float *out = l.out + n * l.out_at.face + g * l.out_at.group + y * l.out_at.row;
                for (int x = 0; x < l.out_side(); x++) fetch_next<1>(out + x * l.out_at.pixel, l.out_at, l.outputs);
                row({one.get() + y * l.stride * near, l.weight + g * l.weight_group, l.bias ? l.bias + g * l.bias_group : nullptr,
                     out, near, (long)l.stride * l.inputs, l.inputs, tap * l.kernel, 0, l.out_at.pixel, l.kernel, 1,
                     l.kernel * l.inputs, l.outputs, l.rectify != 0},
                    l.out_side());
            }
        }
}

// `out` holds the gradient of the outputs; `maps` is read, and where `turned` ([group][ky][kx][output][input]) is given,
// the gradient of the maps is written to of_maps. of_weight and, where it is given, of_bias, a part for each group, begin at
// zero. `shown` holds the outputs, laid like their gradient, where they were rectified.
void grouped_backward(const Grouped *layer, const float *turned, const float *shown, float *of_maps, float *of_weight, float *of_bias) {
    const Grouped &l = *layer;
    const int out_side = l.out_side(), margin = (l.kernel - 1) / l.stride, wide = out_side + 2 * margin + 1;
    const long near = (long)l.side * l.inputs, tap = (long)l.inputs * l.outputs, all = tap * l.kernel * l.kernel;
    const long wide_row = (long)wide * l.outputs;
    Buffer one = buffer(l.side * near), padded = buffer(wide * wide_row);
    std::memset(padded.get(), 0, 4 * wide * wide_row);
    float *inner = padded.get() + margin * wide_row + (long)margin * l.outputs;
    for (int n = 0; n < l.faces; n++)
        for (int g = l.first_group; g < l.last_group; g++) {
            const long first = n * l.out_at.face + g * l.out_at.group;
            gather_gradient(l.out + first, shown ? shown + first : nullptr, l.out_at, out_side, l.outputs, inner, wide_row,
                            of_bias ? of_bias + (long)g * l.outputs : nullptr);
            gather(l.maps + n * l.maps_at.face + g * l.maps_at.group, l.maps_at, l.side, l.inputs, one.get(), near);
            for (int ky = 0; ky < l.kernel; ky++) // the inputs of a row's taps are neighbours, too
                taps({one.get() + ky * near, inner, of_weight + g * all + ky * l.kernel * tap, l.stride * near,
                      (long)l.stride * l.inputs, wide_row, l.outputs, out_side, l.kernel * l.inputs, l.outputs});
            if (!turned) continue;
            // An input at stride * i + r was read through the taps r, r + stride, ... by the outputs i, i - 1, ...; of the rows
            // only those that are there are summed.
            for (int y = 0; y < l.side; y++) {
                float *of_row = of_maps + n * l.maps_at.face + g * l.maps_at.group + y * l.maps_at.row;
                for (int x = 0; x < l.side; x++) fetch_next<1>(of_row + x * l.maps_at.pixel, l.maps_at, l.inputs);
                for (int r = 0; r < l.stride; r++) {
                    const int tap_row = y % l.stride, i = y / l.stride, rows = (l.kernel - tap_row + l.stride - 1) / l.stride;
                    const int low = i < out_side ? 0 : i - out_side + 1, high = i < rows ? i + 1 : rows;
                    const int columns = (l.kernel - r + l.stride - 1) / l.stride, count = (l.side - r + l.stride - 1) / l.stride;
                    row({inner + (i - low) * wide_row, turned + g * all + ((tap_row + low * l.stride) * l.kernel + r) * tap, nullptr,
                         of_row + r * l.maps_at.pixel, -wide_row, l.outputs, -l.outputs, l.stride * l.kernel * tap, l.stride * tap, l.stride * l.maps_at.pixel, high - low,
                         columns, l.outputs, l.inputs},
                        count);
                }
            }
        }
}
}
