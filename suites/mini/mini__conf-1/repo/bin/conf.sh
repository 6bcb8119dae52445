#!/usr/bin/env bash
# Settings from the command line: conf.sh get|names|set FILE [NAME [VALUE]]
. "$(dirname "$0")/../lib/conf.sh"

command=$1
shift
case $command in
    get) conf_get "$@" ;;
    names) conf_names "$@" ;;
    set) conf_set "$@" ;;
    *)
        echo "conf: unknown command $command" >&2
        exit 2
        ;;
esac
