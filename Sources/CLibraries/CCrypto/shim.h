// The SHA-256 midstate can only be taken from SHA256_CTX, which OpenSSL 3 calls deprecated.
#pragma once
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <openssl/hmac.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/crypto.h>
