package io.github.attn4j.cli;

import java.lang.module.ModuleDescriptor;
import java.util.Optional;
import picocli.CommandLine.IVersionProvider;

/** The version of this command, from its module or its jar's manifest. */
final class Version implements IVersionProvider {
  static String text() {
    Optional<String> ofModule =
        Optional.ofNullable(Version.class.getModule().getDescriptor())
            .flatMap(ModuleDescriptor::rawVersion);
    return ofModule
        .or(() -> Optional.ofNullable(Version.class.getPackage().getImplementationVersion()))
        .orElse("(built from source)");
  }

  @Override
  public String[] getVersion() {
    return new String[] {"attn4j " + text()};
  }
}
