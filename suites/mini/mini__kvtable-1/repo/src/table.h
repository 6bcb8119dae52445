#ifndef TABLE_H
#define TABLE_H

#define SLOTS 8
#define LONGEST 31

struct slot {
    int used;
    char name[LONGEST + 1];
    char value[LONGEST + 1];
};

struct table {
    struct slot slots[SLOTS];
    int count;
};

void table_clear(struct table *table);

/* 1, or 0 if the table is full. Names and values are cut at LONGEST. */
int table_put(struct table *table, const char *name, const char *value);

/* The value, or NULL. */
const char *table_get(const struct table *table, const char *name);

/* 1, or 0 if the name is not there. */
int table_delete(struct table *table, const char *name);

#endif
