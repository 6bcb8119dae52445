#ifndef COUNT_H
#define COUNT_H

#include <stdio.h>

struct counts {
    long lines;
    long words;
    long chars;
};

/* Counts what is left to read of `in`. */
struct counts count(FILE *in);

#endif
