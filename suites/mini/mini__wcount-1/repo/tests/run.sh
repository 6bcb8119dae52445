# Prints PASSED or FAILED and the name of each test; run from the top folder after make.

failed=0

# check NAME INPUT EXPECTED: INPUT is in the notation of printf.
check() {
    got=$(printf "$2" | ./wcount)
    if [ "$got" = "$3" ]; then
        echo "PASSED $1"
    else
        echo "FAILED $1"
        echo "  expected '$3', got '$got'"
        failed=1
    fi
}

check empty_input '' '0 0 0'
check one_line 'to be\n' '1 2 6'
check several_lines 'to be\nor not\n\n' '3 4 14'
check runs_of_space '  to \t be  \n' '1 2 12'
check only_space ' \n \n' '2 0 4'
check space_at_the_end 'to be ' '0 2 6'

exit $failed
