#include "count.h"

#include <ctype.h>

struct counts count(FILE *in)
{
    struct counts total = {0, 0, 0};
    int in_word = 0;
    int c;

    while ((c = getc(in)) != EOF) {
        total.chars++;
        if (c == '\n')
            total.lines++;
        if (isspace(c)) {
            if (in_word)
                total.words++;
            in_word = 0;
        } else {
            in_word = 1;
        }
    }
    return total;
}
