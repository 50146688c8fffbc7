/* Reads every weight through qtaml_memory.h and writes them as float32: firmware OUT REGION... */
#include <stdio.h>
#include <stdlib.h>

#include "qtaml_memory.h"

static uint8_t *load(const char *path) {
  FILE *file = fopen(path, "rb");
  long size;
  uint8_t *bytes;
  if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) exit(2);
  rewind(file);
  bytes = malloc((size_t)size + 1u);
  if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size) exit(2);
  fclose(file);
  return bytes;
}

int main(int argc, char **argv) {
  const uint8_t *memory[QTAML_REGIONS];
  FILE *out;
  if (argc != 2 + QTAML_REGIONS) return 2;
  for (int r = 0; r < QTAML_REGIONS; r++) memory[r] = load(argv[2 + r]);
  out = fopen(argv[1], "wb");
  if (out == NULL) return 2;
  for (int t = 0; t < QTAML_TENSORS; t++) {
    const qtaml_tensor *tensor = &qtaml_tensors[t];
    for (uint32_t i = 0; i < tensor->count; i++) {
      float weight;
      qtaml_weights(memory, tensor, i, 1, &weight);
      if (fwrite(&weight, sizeof weight, 1, out) != 1) return 2;
    }
  }
  return fclose(out) == 0 ? 0 : 2;
}
