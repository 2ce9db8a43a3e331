#include "COpenAPI.h"

static const unsigned char document[] = {
#embed "../../openapi.yaml"
};

const unsigned char *sluice_openapi(void) { return document; }

size_t sluice_openapi_length(void) { return sizeof document; }
