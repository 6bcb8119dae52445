#!/usr/bin/env bash
# Prints PASSED or FAILED and the name of each test.
cd "$(dirname "$0")/.." || exit 2
export LC_ALL=C

top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
log=$top/test.log
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

# Lines become words joined by bars, so that a test fits on a line.
bars() {
    tr '\n' '|'
}

cat > "$log" << 'END'
2024-05-01 10:00:00 INFO started
2024-05-01 10:00:07 ERROR disk is full
2024-05-01 10:00:08 WARN trying again
2024-05-01 10:00:09 INFO done
END

verdict count_of_each_level 'ERROR 1|WARN 1|INFO 2|DEBUG 0|' "$(bash bin/count.sh "$log" | bars)"
verdict show_a_level 'INFO started|INFO done|' "$(bash bin/show.sh INFO "$log" | bars)"
verdict show_a_level_without_lines '' "$(bash bin/show.sh DEBUG "$log" | bars)"

printf '2024-05-01 10:00:00 INFO two  spaces\\n\tand a tab\n' > "$log"
verdict show_keeps_the_message 'INFO two  spaces\n	and a tab|' "$(bash bin/show.sh INFO "$log" | bars)"

: > "$log"
verdict count_of_an_empty_log 'ERROR 0|WARN 0|INFO 0|DEBUG 0|' "$(bash bin/count.sh "$log" | bars)"

exit $failed
