# Sourced by the scripts in bin/: builds a module with what it needs, once, and again after a source or pom has changed.
#   build_once MODULE [Maven argument]...
# The caller has set root, the checkout, and JAVA_HOME. Jars that the module runs with lie in MODULE/target/lib afterwards.

# True when something that goes into a module is newer than its last build. Folders count: a removed file shows there.
stale() {
  local target=$1/target
  [ -e "$target/.attn4j-built" ] && [ -d "$target/lib" ] || return 0
  [ -n "$(find "$root/pom.xml" "$root"/.mvn "$root"/*/pom.xml "$root"/attn4j-*/src/main "$1/src/main" \
    -newer "$target/.attn4j-built" -print -quit)" ]
}

# Packages without tests and without the checks that bin/verify makes.
build() {
  local module=$1 target=$root/$1/target
  local log=$target/attn4j-build.log stamp=$target/.attn4j-built
  shift
  echo "attn4j: building $module (first use or sources changed) ..." >&2
  # Jars of an earlier version must not stay beside the new ones.
  rm -rf "$target/lib" "$target"/*.jar
  # The build is over before the second JIT compiler would pay off.
  local maven_opts="${MAVEN_OPTS:-} -XX:TieredStopAtLevel=1"
  # Taken before the build: what is edited while it runs counts as newer.
  touch "$stamp.new"
  if ! (cd "$root" && MAVEN_OPTS=$maven_opts mvn -B -ntp package -pl "$module" -am "$@" -Dmaven.test.skip=true -Dspotless.check.skip=true \
    -Dmaven.javadoc.skip=true -Dmaven.source.skip=true -Dmdep.analyze.skip=true) </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    echo "attn4j: the build failed; its log is above." >&2
    return 1
  fi
  mv "$stamp.new" "$stamp"
}

# One build at a time in a checkout: whoever comes second waits, and may then find nothing left to do.
build_once() {
  local lock=$root/target/.attn4j-lock
  stale "$root/$1" || return 0
  command -v mvn >/dev/null || {
    echo "attn4j: building needs Maven 3.8 or newer (mvn) on the PATH." >&2
    return 1
  }
  mkdir -p "$root/$1/target" "$root/target"
  if command -v flock >/dev/null; then
    (
      flock 9
      if stale "$root/$1"; then build "$@" 9>&-; fi
    ) 9>"$lock"
  else
    until mkdir "$lock.d" 2>/dev/null; do
      echo "attn4j: waiting for another build (if there is none, remove $lock.d) ..." >&2
      sleep 2
    done
    local status=0
    if stale "$root/$1"; then build "$@" || status=$?; fi
    rmdir "$lock.d"
    return $status
  fi
}

# The one jar beside lib: a module's own, whose name has the version in it.
command_jar() {
  local jar
  for jar in "$root/$1/target/$1"-*.jar; do
    case $jar in
      *-sources.jar | *-javadoc.jar | *-tests.jar) ;;
      *) printf '%s\n' "$jar" ;;
    esac
  done
}
