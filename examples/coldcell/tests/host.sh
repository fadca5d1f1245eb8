#!/bin/sh
# host.sh OUT: unit tests of the control code with ASan and UBSan, for each revision; JUnit in OUT/host.xml.
# Exit 0: all passed; 1: a test failed; 2: error (does not compile, or a crash left no report).
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd) here=$(cd "$(dirname "$0")/.." && pwd)
rm -f "$out"/host*.xml

suite() { # REVISION PERIOD: cmocka never overwrites a report and writes none when the program crashes
  gcc -std=gnu11 -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all \
      -DSAMPLE_PERIOD_S="$2" -DVERSION='"test"' -DSUITE="\"host-$1\"" -I"$here/control" \
      "$here/tests/test_cell.c" "$here/control/cell.c" "$here/control/room.c" -lcmocka -o "$out/host-$1"
  CMOCKA_MESSAGE_OUTPUT=xml CMOCKA_XML_FILE="$out/%g.xml" "$out/host-$1"
}
jobs=
for line in $(awk '/^\[revision\./ { gsub(/\[revision\.|\]/, ""); r = $0 } /^period-s/ { print r ":" $3 }' "$here/fleetloop.toml"); do
  suite "${line%:*}" "${line#*:}" & jobs="$jobs $!:${line%:*}"
done
worst=0
for job in $jobs; do
  rc=0; wait "${job%:*}" || rc=$?
  [ -s "$out/host-${job#*:}.xml" ] || { echo "host.sh: revision ${job#*:} left no report (exit $rc): compiler error or crash" >&2; exit 2; }
  [ $rc = 0 ] || worst=1
done
{ echo '<?xml version="1.0" encoding="UTF-8"?>'; echo '<testsuites>'
  cat "$out"/host-*.xml | grep -v -e '<?xml' -e 'testsuites>'
  echo '</testsuites>'; } > "$out/host.xml"
exit $worst
