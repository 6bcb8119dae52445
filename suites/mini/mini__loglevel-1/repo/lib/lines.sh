# Lines of a log by level; to be sourced.

LEVELS="ERROR WARN INFO DEBUG"

# lines_of LEVEL FILE: the lines of that level, as they are.
lines_of() {
    grep "$1" "$2"
}
