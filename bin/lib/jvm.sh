# Sourced by the scripts that start the attn4j command: how the JVM is started.

jvm_options=(--add-modules io.github.attn4j.cpu
  --enable-native-access=io.github.attn4j.core,io.github.attn4j.cpu,org.jline.nativ)

# Kernels are machine code on Linux and x86 with AVX2; elsewhere they need the Vector API. Its module costs start-up
# time, since a JVM with an incubator module does without much of what it has cached.
if [ "$(uname -sm)" != "Linux x86_64" ] || ! grep -qw avx2 /proc/cpuinfo; then
  jvm_options+=(--add-modules jdk.incubator.vector)
fi

# The JVM leaves a cache alone that does not fit, and need not say so.
cache_options=(-Xlog:aot=off -Xlog:cds=off)

# In another locale the JVM cannot open files whose names are not ASCII.
if [ "$(locale charmap 2>/dev/null)" != UTF-8 ]; then
  export LC_ALL=C.UTF-8
fi

# Makes a cache of classes, loaded and linked, for a command line of the JVM: train CACHE JAVA [ARGUMENT]...
# Without a cache everything works, only later.
train() {
  local cache=$1
  shift
  if "$@" -XX:AOTCacheOutput="$cache.$$" --module io.github.attn4j.cli/io.github.attn4j.cli.Main info >/dev/null 2>&1; then
    mv "$cache.$$" "$cache"
  fi
  rm -f "$cache.$$" "$cache.$$.config"
}
