#!/usr/bin/env bash
# Prints PASSED or FAILED and the name of each test.
cd "$(dirname "$0")/.." || exit 2
export LC_ALL=C

top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
failed=0

# Makes the folder of a test with these files in it.
given() {
    folder=$top/$1
    mkdir -p "$folder"
    shift
    for name in "$@"; do
        : > "$folder/$name"
    done
}

# expect TEST WHAT EXPECTED GOT
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

# The names of all files, hidden ones too, each followed by a bar.
left() {
    (cd "$folder" && find . -type f | sed 's|^\./||' | sort | tr '\n' '|')
}

given keeps_the_newest 2024-01-01.tar 2024-01-02.tar 2024-01-03.tar
bash bin/rotate.sh "$folder" 2 > /dev/null
verdict keeps_the_newest '2024-01-02.tar|2024-01-03.tar|' "$(left)"

given says_what_it_removes 2024-01-01.tar 2024-01-02.tar 2024-01-03.tar
verdict says_what_it_removes 'removed 2024-01-02.tar|removed 2024-01-01.tar|' "$(bash bin/rotate.sh "$folder" 1 | tr '\n' '|')"

given fewer_than_to_keep 2024-01-01.tar
bash bin/rotate.sh "$folder" 5 > /dev/null
verdict fewer_than_to_keep '2024-01-01.tar|' "$(left)"

given empty_folder
verdict empty_folder '' "$(bash bin/rotate.sh "$folder" 1)"

given folders_do_not_count 2024-01-01.tar 2024-01-02.tar
mkdir "$folder/2024-01-09"
bash bin/rotate.sh "$folder" 1 > /dev/null
verdict folders_do_not_count '2024-01-02.tar|' "$(left)"

given hidden_files_do_not_count .zz 2024-01-01.tar
bash bin/rotate.sh "$folder" 1 > /dev/null
verdict hidden_files_do_not_count '.zz|2024-01-01.tar|' "$(left)"

bash bin/rotate.sh "$top/nothing" 1 > /dev/null 2>&1
verdict missing_folder_is_an_error 1 $?

exit $failed
