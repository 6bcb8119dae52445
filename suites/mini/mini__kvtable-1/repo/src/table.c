#include "table.h"

#include <stddef.h>
#include <string.h>

static int hash(const char *name)
{
    unsigned sum = 0;

    while (*name)
        sum += (unsigned char)*name++;
    return sum % SLOTS;
}

/* The slot of a name, or else the free slot where it would go, or -1. */
static int find(const struct table *table, const char *name)
{
    int start = hash(name);
    int i;

    for (i = 0; i < SLOTS; i++) {
        int at = (start + i) % SLOTS;
        const struct slot *slot = &table->slots[at];
        if (!slot->used || strcmp(slot->name, name) == 0)
            return at;
    }
    return -1;
}

static void copy(char *to, const char *from)
{
    strncpy(to, from, LONGEST);
    to[LONGEST] = '\0';
}

void table_clear(struct table *table)
{
    memset(table, 0, sizeof *table);
}

int table_put(struct table *table, const char *name, const char *value)
{
    int at = find(table, name);

    if (at < 0)
        return 0;
    if (!table->slots[at].used) {
        table->slots[at].used = 1;
        copy(table->slots[at].name, name);
        table->count++;
    }
    copy(table->slots[at].value, value);
    return 1;
}

const char *table_get(const struct table *table, const char *name)
{
    int at = find(table, name);

    return at >= 0 && table->slots[at].used ? table->slots[at].value : NULL;
}

int table_delete(struct table *table, const char *name)
{
    int at = find(table, name);

    if (at < 0 || !table->slots[at].used)
        return 0;
    table->slots[at].used = 0;
    table->count--;
    return 1;
}
