#pragma once
#include <stddef.h>

/// The file openapi.yaml of this repository, as it was when the program was built.
const unsigned char *sluice_openapi(void);
size_t sluice_openapi_length(void);
