#include "CJail.h"

int main(void) { return 0; }
