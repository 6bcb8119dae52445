# Prints PASSED or FAILED and the name of each test; run from the top folder after make.
# Names of the same letters have the same hash, so abc, acb, bac ... all want the same slot.

failed=0

# check NAME COMMANDS EXPECTED: commands are separated by semicolons, lines of the answer by spaces.
check() {
    got=$(echo "$2" | tr ';' '\n' | ./kv | tr '\n' ' ')
    if [ "$got" = "$3 " ]; then
        echo "PASSED $1"
    else
        echo "FAILED $1"
        echo "  $2: expected '$3', got '$got'"
        failed=1
    fi
}

check put_and_get 'put one 1;put two 2;get one;get two' '1 2'
check get_what_is_not_there 'get one' 'none'
check put_again_replaces 'put one 1;put one 2;get one;count' '2 1'
check same_hash 'put ab 1;put ba 2;get ab;get ba' '1 2'
check delete 'put one 1;del one;get one;count;del one' 'ok none 0 none'
check deleted_is_not_listed 'put one 1;put two 2;del one;list' 'ok two=2'
check list_is_sorted 'put b 2;put c 3;put a 1;list' 'a=1 b=2 c=3'
check full 'put a 1;put b 2;put c 3;put d 4;put e 5;put f 6;put g 7;put h 8;put i 9;count' 'full 8'
check full_table_still_replaces 'put a 1;put b 2;put c 3;put d 4;put e 5;put f 6;put g 7;put h 8;put c 9;get c' '9'
check slots_are_used_again "$(i=0; while [ $i -lt 20 ]; do printf 'put n%d x;del n%d;' $i $i; i=$((i + 1)); done) count" \
    "$(i=0; while [ $i -lt 20 ]; do printf 'ok '; i=$((i + 1)); done)0"

exit $failed
