#ifndef LISTING_H
#define LISTING_H

#include "table.h"

#include <stdio.h>

/* Prints all names and values, sorted by name. */
void print_table(const struct table *table, FILE *out);

#endif
