#include "listing.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct slot *const *)a)->name, (*(const struct slot *const *)b)->name);
}

void print_table(const struct table *table, FILE *out)
{
    const struct slot *found[SLOTS];
    int count = 0;
    int i;

    for (i = 0; i < SLOTS; i++)
        if (table->slots[i].used)
            found[count++] = &table->slots[i];
    qsort(found, count, sizeof found[0], by_name);
    for (i = 0; i < count; i++)
        fprintf(out, "%s=%s\n", found[i]->name, found[i]->value);
}
