/* Answers one depthwise case of a golden bundle, with nothing but the C library.
   cc -o depthwise depthwise.c && depthwise BUNDLE CASE OUT.safetensors [EXTRA_TOP_PADDING] */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what) { fprintf(stderr, "depthwise: %s\n", what); exit(2); }

static char *slurp(const char *folder, const char *name, size_t *size) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) fail(path);
  *size = ftell(file);
  rewind(file);
  char *data = malloc(*size + 1);
  if (!data || fread(data, 1, *size, file) != *size) fail(path);
  data[*size] = 0;
  fclose(file);
  return data;
}

/* The text after "key": from `from` on; enough of JSON for keys that are sorted. */
static char *after(char *from, const char *key) {
  char quoted[300];
  snprintf(quoted, sizeof quoted, "\"%s\":", key);
  char *found = strstr(from, quoted);
  if (!found) fail(quoted);
  return found + strlen(quoted);
}

static void numbers(char *text, const char *key, long *into, int count) {
  text = strchr(after(text, key), '[') + 1;
  for (int i = 0; i < count; i++) {
    into[i] = strtol(text, &text, 10);
    if (i < count - 1) text = strchr(text, ',') + 1;
  }
}

/* One tensor of a safetensors file as ints: its shape, and I8 or I16 numbers. */
static int *tensor(char *data, const char *name, long *shape) {
  uint64_t length;
  long span[2];
  memcpy(&length, data, 8);
  char *header = after(data + 8, name); /* the header's first key is text without a NUL */
  int wide = strncmp(strchr(after(header, "dtype"), '"'), "\"I8\"", 4) != 0;
  numbers(header, "shape", shape, 4);
  numbers(header, "data_offsets", span, 2);
  int count = (span[1] - span[0]) >> wide, *values = malloc(count * sizeof(int) + 1);
  char *at = data + 8 + length + span[0];
  for (int i = 0; i < count; i++) {
    int16_t two;
    memcpy(&two, at + 2 * i * wide, wide ? 2 : 0);
    values[i] = wide ? two : ((signed char *)at)[i];
  }
  return values;
}

int main(int count, char **given) {
  if (count < 4) fail("BUNDLE CASE OUT.safetensors [EXTRA_TOP_PADDING]");
  size_t size;
  char *sums = slurp(given[1], "SHA256SUMS", &size), name[300];
  char *manifest = slurp(given[1], "manifest.json", &size);
  char *data = slurp(given[1], "ops.safetensors", &size);
  long pads[4], stride[2], X[4], K[4], Y[4];
  snprintf(name, sizeof name, "%s", given[2]);
  *strstr(name, "-exact") = 0; /* its network's name */
  char *layer = after(after(manifest, "networks"), name);
  numbers(layer, "pads", pads, 4);
  numbers(layer, "stride", stride, 2);
  if (count > 4) pads[0] += atoi(given[4]);
  snprintf(name, sizeof name, "%s/x", given[2]);
  int *x = tensor(data, name, X);
  snprintf(name, sizeof name, "%s/y.weight", given[2]);
  int *w = tensor(data, name, K);
  snprintf(name, sizeof name, "%s/y", given[2]);
  tensor(data, name, Y);
  long total = Y[0] * Y[1] * Y[2] * Y[3], n = 0;
  float *y = calloc(total, sizeof *y);
  for (long b = 0; b < Y[0]; b++) for (long r = 0; r < Y[1]; r++)
    for (long c = 0; c < Y[2]; c++) for (long o = 0; o < Y[3]; o++, n++)
      for (long i = 0; i < K[0]; i++) for (long j = 0; j < K[1]; j++) {
        long row = r * stride[0] + i - pads[0], column = c * stride[1] + j - pads[2];
        if (row < 0 || row >= X[1] || column < 0 || column >= X[2]) continue;
        y[n] += x[((b * X[1] + row) * X[2] + column) * X[3] + o / K[3]] * w[(i * K[1] + j) * Y[3] + o];
      }
  char header[1000];
  uint64_t length = snprintf(header, sizeof header,
    "{\"__metadata__\":{\"bundle\":\"%.64s\"},\"%s\":{\"dtype\":\"F32\",\"shape\":[%ld,%ld,%ld,%ld],"
    "\"data_offsets\":[0,%ld]}}", sums, name, Y[0], Y[1], Y[2], Y[3], 4 * total);
  FILE *out = fopen(given[3], "wb");
  if (!out) fail(given[3]);
  fwrite(&length, 8, 1, out), fwrite(header, 1, length, out), fwrite(y, 4, total, out);
  return fclose(out) ? 2 : 0;
}
