#include "listing.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

int main(void)
{
    struct table table;
    char line[128], command[16], name[64], value[64];

    table_clear(&table);
    while (fgets(line, sizeof line, stdin)) {
        int words = sscanf(line, "%15s %63s %63s", command, name, value);
        if (words == 3 && strcmp(command, "put") == 0) {
            if (!table_put(&table, name, value))
                puts("full");
        } else if (words == 2 && strcmp(command, "get") == 0) {
            const char *found = table_get(&table, name);
            puts(found ? found : "none");
        } else if (words == 2 && strcmp(command, "del") == 0) {
            puts(table_delete(&table, name) ? "ok" : "none");
        } else if (words == 1 && strcmp(command, "count") == 0) {
            printf("%d\n", table.count);
        } else if (words == 1 && strcmp(command, "list") == 0) {
            print_table(&table, stdout);
        } else if (words > 0) {
            puts("what?");
        }
    }
    return 0;
}
