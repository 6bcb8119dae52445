#include "parser.h"

#include <stdio.h>

int main(void)
{
    char line[512];
    long value;

    while (fgets(line, sizeof line, stdin)) {
        if (evaluate(line, &value))
            printf("%ld\n", value);
        else
            printf("error\n");
    }
    return 0;
}
