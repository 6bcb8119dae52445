# Prints PASSED or FAILED and the name of each test; run from the top folder after make.

failed=0

# check NAME EXPRESSION EXPECTED
check() {
    got=$(echo "$2" | ./calc)
    if [ "$got" = "$3" ]; then
        echo "PASSED $1"
    else
        echo "FAILED $1"
        echo "  $2: expected '$3', got '$got'"
        failed=1
    fi
}

check number '42' '42'
check sum '1 + 2 + 3' '6'
check one_difference '5 - 3' '2'
check product_before_sum '1 + 2 * 3' '7'
check brackets '(1 + 2) * 3' '9'
check one_power '2 ^ 10' '1024'
check power_from_the_right '2 ^ 3 ^ 2' '512'
check minus_binds_less_than_power '-2 ^ 2' '-4'
check twice_negated '--7' '7'
check division_by_zero '1 / 0' 'error'
check unfinished '1 +' 'error'
check open_bracket '(1' 'error'

exit $failed
