#!/usr/bin/env bash
# How many lines of each level a log has: count.sh FILE
here=$(dirname "$0")
. "$here/../lib/lines.sh"

for level in $LEVELS; do
    printf '%s %d\n' "$level" "$(lines_of "$level" "$1" | grep -c .)"
done
