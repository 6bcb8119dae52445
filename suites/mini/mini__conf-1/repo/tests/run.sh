#!/usr/bin/env bash
# Prints PASSED or FAILED and the name of each test.
cd "$(dirname "$0")/.." || exit 2
export LC_ALL=C

top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
file=$top/test.conf
failed=0

# verdict TEST EXPECTED GOT
verdict() {
    if [ "$2" = "$3" ]; then
        echo "PASSED $1"
    else
        echo "FAILED $1"
        echo "  expected: $2"
        echo "  got:      $3"
        failed=1
    fi
}

conf() {
    bash bin/conf.sh "$@"
}

bars() {
    tr '\n' '|'
}

printf '# mail\nhost=localhost\nport=25\n' > "$file"
verdict get 'localhost' "$(conf get "$file" host)"
verdict get_last_line '25' "$(conf get "$file" port)"
verdict names 'host|port|' "$(conf names "$file" | bars)"
conf get "$file" user > /dev/null
verdict get_unknown_name_fails 1 $?

conf set "$file" host example.org
verdict set_changes '# mail|host=example.org|port=25|' "$(bars < "$file")"
conf set "$file" user me
verdict set_adds '# mail|host=example.org|port=25|user=me|' "$(bars < "$file")"

printf 'path=C:\\new\\table\nquery=a=b\ntext=two  words *\n' > "$file"
verdict backslashes_stay 'C:\new\table' "$(conf get "$file" path)"
verdict equals_sign_in_value 'a=b' "$(conf get "$file" query)"
verdict spaces_and_star_in_value 'two  words *' "$(conf get "$file" text)"

exit $failed
