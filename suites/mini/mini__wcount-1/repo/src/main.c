#include "count.h"

#include <stdio.h>

int main(void)
{
    struct counts total = count(stdin);

    printf("%ld %ld %ld\n", total.lines, total.words, total.chars);
    return 0;
}
