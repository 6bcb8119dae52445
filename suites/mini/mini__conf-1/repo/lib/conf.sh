# Settings from files with lines name=value; to be sourced.

conf_get() {
    local name value
    while IFS='=' read -r name value; do
        if [ "$name" = "$2" ]; then
            printf '%s\n' "$value"
            return 0
        fi
    done < "$1"
    return 1
}

conf_names() {
    local name value
    while IFS='=' read -r name value; do
        case $name in
            '' | '#'*) ;;
            *) printf '%s\n' "$name" ;;
        esac
    done < "$1"
}

conf_set() {
    local line found=no new
    new=$(mktemp) || return 1
    while IFS= read -r line; do
        if [ "${line%%=*}" = "$2" ]; then
            line=$2=$3
            found=yes
        fi
        printf '%s\n' "$line" >> "$new"
    done < "$1"
    if [ "$found" = no ]; then
        printf '%s=%s\n' "$2" "$3" >> "$new"
    fi
    cat "$new" > "$1"
    rm -f "$new"
}
