//! Programs that are known by name. The lists are words separated by white space.

/// Commands that only read, whatever their arguments.
pub(super) const LOOKERS: &str = "
    : [ [[ ack ag arch basename bat break cat cd clear cloc cmp col column comm continue cut date declare df
    diff dirname dirs du echo egrep exit export expr false fd fgrep file fold free getconf getent grep groups
    hash head help hexdump history hostname id info jobs join jq less let local ls lscpu lsof man md5sum more nl
    nm nproc objdump od paste popd printenv printf ps pushd pwd read readelf readlink realpath return rev rg seq
    set sha1sum sha256sum shopt size sleep stat strings sync tac tail test tokei tput tr tree true type ulimit
    umask uname uniq unset uptime wait wc whereis which whoami xxd yes zcat zgrep
";

/// Commands that write what they name.
pub(super) const WRITERS: &str = "
    chgrp chmod chown cp csplit curl dd dos2unix ed ex fallocate install kill killall ln mkdir mkfifo mktemp mv
    pkill rm rmdir rsync scp shred split tee touch truncate unix2dos unlink wget
";

/// Commands that create files without naming them.
pub(super) const UNPACKERS: &str = "
    bunzip2 cpio gunzip gzip patch tar unxz unzip xz zip
";

/// Programs that build or test.
pub(super) const TESTERS: &str = "
    ant ar as ava bats bazel black bundle c++ cabal cc clang clang++ cmake coverage ctest
    cypress cython dotnet eslint flake8 flutter g++ gcc gcov gfortran ghc gmake gradle gradlew isort jasmine
    javac jest ld lein make meson mix mocha mvn mvnw mypy ninja nosetests nox nyc phpunit
    playwright poetry prove py.test pylint pyright pytest rake rspec ruff runtests.py rustc sbt scons stack
    swift tap tox trial tsc uv valgrind vitest xcodebuild zig
";

/// Whether a list contains a program.
pub(super) fn has(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == name)
}
