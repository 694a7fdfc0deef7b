/* Mutual information by nearest neighbours (Kraskov, Stoegbauer & Grassberger 2004, Eq. 8), in nats, by all distances.

       ksg X.npy Y.npy K

   X and Y are files of float64, (n, dx) and (n, dy), as numpy writes them. Each coordinate is brought to unit variance. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    long n, d;
    double *values; /* (n, d), row by row */
} Samples;

static void fail(const char *file, const char *reason)
{
    fprintf(stderr, "%s: %s\n", file, reason);
    exit(2);
}

static void *allocate(size_t size)
{
    void *memory = malloc(size ? size : 1);
    if (!memory)
        fail("ksg", "there is not enough memory");
    return memory;
}

/* Reads what numpy.save writes: magic bytes, a version, the length of a header, the header as a Python literal, data. */
static Samples read_npy(const char *name)
{
    unsigned char start[12];
    Samples samples = {0, 0, NULL};
    FILE *file = fopen(name, "rb");
    if (!file)
        fail(name, "cannot be opened");
    if (fread(start, 1, 10, file) != 10 || memcmp(start, "\x93NUMPY", 6))
        fail(name, "is no .npy file");
    size_t length = start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) {
        if (fread(start + 10, 1, 2, file) != 2)
            fail(name, "ends in its header");
        length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    char *header = allocate(length + 1);
    if (fread(header, 1, length, file) != length)
        fail(name, "ends in its header");
    header[length] = '\0';
    const char *shape = strstr(header, "'shape': (");
    if (!strstr(header, "'descr': '<f8'") || !strstr(header, "'fortran_order': False") || !shape ||
        sscanf(shape, "'shape': (%ld, %ld)", &samples.n, &samples.d) != 2 || samples.n < 1 || samples.d < 1)
        fail(name, "holds no rows of float64");
    free(header);
    size_t count = (size_t)samples.n * (size_t)samples.d;
    samples.values = allocate(count * sizeof(double));
    if (fread(samples.values, sizeof(double), count, file) != count)
        fail(name, "ends before its last row");
    fclose(file);
    return samples;
}

static void to_unit_variance(Samples samples)
{
    for (long c = 0; c < samples.d; c++) {
        double mean = 0, variance = 0, *column = samples.values + c;
        for (long i = 0; i < samples.n; i++)
            mean += column[i * samples.d] / samples.n;
        for (long i = 0; i < samples.n; i++)
            variance += (column[i * samples.d] - mean) * (column[i * samples.d] - mean) / samples.n;
        for (long i = 0; i < samples.n && variance > 0; i++)
            column[i * samples.d] = (column[i * samples.d] - mean) / sqrt(variance);
    }
}

/* The largest difference of two rows in any coordinate. */
static double distance(Samples samples, long i, long j)
{
    double largest = 0;
    for (long c = 0; c < samples.d; c++)
        largest = fmax(largest, fabs(samples.values[i * samples.d + c] - samples.values[j * samples.d + c]));
    return largest;
}

/* psi(m) of every whole number up to n: the sum of 1 / i below m, less Euler's constant. */
static double *digammas(long n)
{
    double *psi = allocate((n + 1) * sizeof(double));
    psi[1] = -0.57721566490153286;
    for (long m = 1; m < n; m++)
        psi[m + 1] = psi[m] + 1.0 / m;
    return psi;
}

/* The distance from row i to its k-th neighbour in x and y together. */
static double kth_distance(const double *in_x, const double *in_y, long n, long i, long k, double *nearest)
{
    for (long m = 0; m < k; m++)
        nearest[m] = INFINITY;
    for (long j = 0; j < n; j++) {
        double both = fmax(in_x[j], in_y[j]);
        if (j == i || both >= nearest[k - 1])
            continue;
        long m = k - 1;
        for (; m > 0 && nearest[m - 1] > both; m--)
            nearest[m] = nearest[m - 1];
        nearest[m] = both;
    }
    return nearest[k - 1];
}

int main(int argc, char **argv)
{
    if (argc != 4)
        fail("ksg", "the arguments are X.npy Y.npy K");
    Samples x = read_npy(argv[1]), y = read_npy(argv[2]);
    long n = x.n, k = strtol(argv[3], NULL, 10);
    if (y.n != n)
        fail(argv[2], "has another number of rows than x");
    if (k < 1 || k >= n)
        fail("ksg", "K is at least 1 and below the number of rows");
    to_unit_variance(x);
    to_unit_variance(y);

    double *in_x = allocate(n * sizeof(double)), *in_y = allocate(n * sizeof(double));
    double *nearest = allocate(k * sizeof(double)), *psi = digammas(n), sum = 0;
    for (long i = 0; i < n; i++) {
        long near_x = 0, near_y = 0;
        for (long j = 0; j < n; j++) {
            in_x[j] = distance(x, i, j);
            in_y[j] = distance(y, i, j);
        }
        double radius = kth_distance(in_x, in_y, n, i, k, nearest);
        for (long j = 0; j < n; j++) {
            near_x += j != i && in_x[j] < radius;
            near_y += j != i && in_y[j] < radius;
        }
        sum += psi[near_x + 1] + psi[near_y + 1];
    }
    printf("%.17g\n", psi[k] + psi[n] - sum / n);
    return 0;
}
