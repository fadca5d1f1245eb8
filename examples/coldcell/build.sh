#!/bin/sh
# build.sh image      REVISION OUT VERSION IMAGE_KEY CACHE   -> app.bin (unsigned payload), app.elf, boot.elf
# build.sh host-board REVISION OUT VERSION IMAGE_KEY CACHE   -> the same for a board that is a Linux process
# build.sh library    REVISION OUT VERSION                   -> cell.so, the control code alone
# IMAGE_KEY is the public half (PEM, Ed25519). Each object leaves NAME.d: the files that the compiler read.
# COLDCELL_CFLAGS adds flags (-DBAD_FAULT, -DNO_HOOKS, -fsanitize=... for the host board).
set -eu
what=$1 revision=$2 version=$4
mkdir -p "$3"
out=$(cd "$3" && pwd) here=$(cd "$(dirname "$0")" && pwd)
key=${5:-} cache=${6:-$out}
case $key in ''|/*) ;; *) key=$(pwd)/$key;; esac

fail() { echo "build.sh: $*" >&2; exit 1; }

period=$(awk -v want="[revision.$revision]" '/^\[/ { here = $1 == want } here && $1 == "period-s" { print $3 }' "$here/fleetloop.toml")
[ -n "$period" ] || fail "fleetloop.toml has no period-s in [revision.$revision]"

F="-std=gnu11 -Os -MD -Wall -Wextra -Werror -I$here/control -I$here/common -I$here/app -I$out"
F="$F -DSAMPLE_PERIOD_S=$period -DBLAKE2_NO_UNROLLING -ffile-prefix-map=$here=. -ffile-prefix-map=$out=out ${COLDCELL_CFLAGS:-}"
D="-DVERSION=\"$version\""

compile() { # NAME SOURCE...: one object each, so that each gets its dependency file
  name=$1; shift; objects= jobs=
  for s; do
    o="$out/$name-$(basename "$s" .c).o" objects="$objects $out/$name-$(basename "$s" .c).o"
    $CC $F "$D" -c "$s" -o "$o" & jobs="$jobs $!"
  done
  for j in $jobs; do wait "$j" || fail "does not compile"; done
}
link() { # NAME
  script=; [ "$board" = host ] || script="-T $here/$1/$1.ld"
  $CC $F $script $objects -o "$out/$1.elf"
}
public_key() { # the DER of the key as a C array; SPKI of Ed25519 has 44 bytes
  [ -f "$key" ] || fail "no image key at '$key' (fleetloop key new makes one)"
  bytes=$(grep -v -e '-----' "$key" | base64 -d | od -An -v -tx1 | sed 's/ \(..\)/0x\1,/g')
  case $(grep -c 'BEGIN PUBLIC KEY' "$key")-$(echo "$bytes" | tr -cd , | wc -c) in
    1-44) ;; *) fail "$key: expected the public half of an Ed25519 key as PEM";;
  esac
  printf '#include <stdint.h>\nextern const uint8_t image_key[44];\nconst uint8_t image_key[44] = {\n%s\n};\n' "$bytes" > "$out/key.c"
}
firmware() {
  public_key
  sh "$here/fetch.sh" "$cache" "$out"
  common="$here/board/$board.c $here/common/image.c $here/common/text.c"
  compile boot "$here/boot/main.c" $common "$here/common/sha512.c" "$out/monocypher.c" "$out/key.c"; link boot
  compile app "$here"/app/*.c "$here/control/cell.c" "$here/control/room.c" $common; link app
}

cd "$here"
case $what in
 image)
  board=mps2 CC="arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb -g -ffreestanding -fno-builtin -fno-tree-loop-distribute-patterns"
  CC="$CC -ffunction-sections -fdata-sections -nostdlib -Wl,--gc-sections"
  firmware
  arm-none-eabi-objcopy -O binary "$out/app.elf" "$out/app.bin";;
 host-board)
  board=host CC="${HOSTCC:-gcc} -Wl,--build-id=none"
  firmware
  strip -o "$out/app.bin" "$out/app.elf";;
 library)
  CC="${HOSTCC:-gcc} -fPIC -fvisibility=hidden"
  compile cell "$here/control/cell.c" "$here/control/room.c" "$here/control/host.c"
  $CC -shared -s -Wl,-Bsymbolic -Wl,--build-id=none $objects -o "$out/cell.so";;
 *) fail "expected image, host-board or library, got '$what'";;
esac
