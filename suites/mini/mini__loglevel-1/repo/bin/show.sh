#!/usr/bin/env bash
# The lines of a level, without date and time: show.sh LEVEL FILE
here=$(dirname "$0")
. "$here/../lib/lines.sh"

lines_of "$1" "$2" | cut -d ' ' -f 3-
