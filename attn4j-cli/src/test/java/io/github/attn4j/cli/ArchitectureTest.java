package io.github.attn4j.cli;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;

/** The arrows of the house, as docs/architecture.md draws them. */
@AnalyzeClasses(packages = "io.github.attn4j", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String USERS = "io.github.attn4j";
  private static final String SPI = "io.github.attn4j.spi..";
  private static final String CORE_INTERNAL = "io.github.attn4j.internal..";
  private static final String CPU = "io.github.attn4j.cpu..";
  private static final String OPERATORS = "io.github.attn4j.operators..";
  private static final String CLI = "io.github.attn4j.cli..";
  private static final String INCUBATOR = "jdk.incubator..";

  /** The only thing of a backend's that anyone may touch by name. */
  private static final String MACHINE_PEAK = "io\\.github\\.attn4j\\.cpu\\.MachinePeak";

  @ArchTest
  static final ArchRule coreStandsOnTheJdkAlone =
      classes()
          .that()
          .resideInAnyPackage(USERS, SPI, CORE_INTERNAL)
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(USERS, SPI, CORE_INTERNAL, "java..", "jdk.jfr..", "org.jspecify..");

  @ArchTest
  static final ArchRule onlyTheCpuBackendKnowsTheIncubator =
      noClasses()
          .that()
          .resideOutsideOfPackage(CPU)
          .should()
          .dependOnClassesThat()
          .resideInAPackage(INCUBATOR);

  @ArchTest
  static final ArchRule backendsKnowTheCoreOnly =
      noClasses()
          .that()
          .resideInAPackage(CPU)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(OPERATORS, CLI);

  @ArchTest
  static final ArchRule operatorsKnowTheCoreOnly =
      noClasses()
          .that()
          .resideInAPackage(OPERATORS)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(CPU, CLI, CORE_INTERNAL);

  @ArchTest
  static final ArchRule operatorsLeaveTheSpiToBackends =
      noClasses()
          .that()
          .resideInAPackage(OPERATORS)
          .should()
          .dependOnClassesThat(
              resideInAPackage(SPI)
                  .and(
                      com.tngtech.archunit.base.DescribedPredicate.not(
                          nameMatching(".*\\.Tile.*"))));

  @ArchTest
  static final ArchRule theCommandReachesKernelsThroughTheCore =
      noClasses()
          .that()
          .resideInAPackage(CLI)
          .should()
          .dependOnClassesThat(
              resideInAnyPackage(CPU, CORE_INTERNAL)
                  .and(
                      com.tngtech.archunit.base.DescribedPredicate.not(
                          nameMatching(MACHINE_PEAK))));

  @ArchTest
  static final ArchRule internalStaysInternal =
      noClasses()
          .that()
          .resideOutsideOfPackages(USERS, SPI, CORE_INTERNAL)
          .should()
          .dependOnClassesThat()
          .resideInAPackage(CORE_INTERNAL);

  @ArchTest
  static final ArchRule packagesOfTheCommandHaveNoCycles =
      SlicesRuleDefinition.slices()
          .matching("io.github.attn4j.(cli.*)..")
          .should()
          .beFreeOfCycles();
}
