#!/usr/bin/env bash
# Deletes all but the newest files of a folder: rotate.sh FOLDER KEEP
set -u
export LC_ALL=C

folder=$1
keep=$2

if [ ! -d "$folder" ]; then
    echo "rotate: no folder $folder" >&2
    exit 1
fi

count=0
for name in $(ls -r "$folder"); do
    if [ ! -f "$folder/$name" ]; then
        continue
    fi
    count=$((count + 1))
    if [ "$count" -gt "$keep" ]; then
        rm -f "$folder/$name"
        echo "removed $name"
    fi
done
