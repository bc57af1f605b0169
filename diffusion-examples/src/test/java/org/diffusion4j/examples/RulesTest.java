package org.diffusion4j.examples;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static com.tngtech.archunit.lang.conditions.ArchConditions.dependOnClassesThat;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaType;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.Stream;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What the library's packages may know of one another, and what its code may not do. */
class RulesTest {

  static final String API = "org.diffusion4j";
  private static final String COMMON = "org.diffusion4j.internal.common";
  private static final String[] KNOWN_TO_ALL = {
    API, COMMON, "java..", "org.nd4j.linalg..", "org.jspecify..", "org.slf4j.."
  };
  static final String SAMPLERS = "org.diffusion4j.samplers..";
  static final String[] CORE = {
    "org.diffusion4j.unet..",
    "org.diffusion4j.training..",
    "org.diffusion4j.pretrained..",
    "org.diffusion4j.data..",
    "org.diffusion4j.internal",
    "org.diffusion4j.internal.files..",
    "org.diffusion4j.internal.nn.."
  };
  private static final String ENGINE = "org.diffusion4j.engine..";
  private static final String GRAPH = "org.diffusion4j.engine.graph..";
  private static final String CPU = "org.diffusion4j.engine.cpu..";
  private static final String SAMEDIFF = "org.diffusion4j.engine.samediff..";
  private static final String MICROMETER = "org.diffusion4j.micrometer..";

  /** What is public in these is no API. */
  static final String[] HIDDEN = {"..internal..", "..engine.."};

  static final JavaClasses LIBRARY =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("org.diffusion4j")
          .that(resideOutsideOfPackages("..examples..", "..benchmarks.."));

  @Test
  void import_findsAllModules() {
    assertThat(LIBRARY.stream().map(JavaClass::getName))
        .contains(
            "org.diffusion4j.NoiseSchedule",
            "org.diffusion4j.internal.common.Shown",
            "org.diffusion4j.samplers.DdimSampler",
            "org.diffusion4j.unet.UNet",
            "org.diffusion4j.engine.PlannedGraph",
            "org.diffusion4j.micrometer.MicrometerTrainingListener");
  }

  @Test
  void api_knowsOnlyJdkNd4jAndAnnotations() {
    check(
        classes()
            .that(resideInAnyPackage(API))
            .should()
            .onlyDependOnClassesThat(resideInAnyPackage(KNOWN_TO_ALL)));
  }

  /** How much memory there is, and why ND4J did not start, is known only below ND4J. */
  @Test
  void common_knowsAlsoWhatIsBelowNd4j() {
    check(
        classes()
            .that()
            .resideInAPackage(COMMON)
            .should()
            .onlyDependOnClassesThat(
                resideInAnyPackage(KNOWN_TO_ALL)
                    .or(
                        resideInAnyPackage(
                            "org.nd4j.common.config",
                            "org.bytedeco.javacpp",
                            "com.sun.management"))));
  }

  @Test
  void samplers_knowOnlyTheApi() {
    check(
        classes()
            .that()
            .resideInAPackage(SAMPLERS)
            .should()
            .onlyDependOnClassesThat(
                resideInAnyPackage(SAMPLERS).or(resideInAnyPackage(KNOWN_TO_ALL))));
  }

  @Test
  void core_knowsNoSamplers() {
    check(noClasses().that(resideInAnyPackage(CORE)).should(know(SAMPLERS, MICROMETER)));
  }

  @Test
  void micrometer_knowsOnlyTheApi() {
    check(noClasses().that().resideInAPackage(MICROMETER).should(know(SAMPLERS, ENGINE)));
    check(noClasses().that().resideInAPackage(MICROMETER).should(know(CORE)));
  }

  @Test
  void engine_knowsOnlyTheApi() {
    check(noClasses().that().resideInAPackage(ENGINE).should(know(SAMPLERS, MICROMETER)));
    check(noClasses().that().resideInAPackage(ENGINE).should(know(CORE)));
  }

  @Test
  void graph_knowsNoEngineAndNoReader() {
    check(
        classes()
            .that()
            .resideInAPackage(GRAPH)
            // The node for all that has no node of its own holds SameDiff's operation.
            .and()
            .doNotHaveFullyQualifiedName("org.diffusion4j.engine.graph.Nd4jOp")
            .should()
            .onlyDependOnClassesThat(
                resideInAnyPackage(GRAPH).or(resideInAnyPackage(KNOWN_TO_ALL))));
    check(noClasses().that().resideInAPackage(GRAPH).should(know(CPU, SAMEDIFF, "..engine")));
  }

  @Test
  void kernelsAndReader_doNotKnowEachOther() {
    check(noClasses().that().resideInAPackage(CPU).should(know(SAMEDIFF, "..engine")));
    check(noClasses().that().resideInAPackage(SAMEDIFF).should(know(CPU, "..engine")));
  }

  @Test
  void oneDnn_isKnownOnlyToKernels() {
    // The backend brings oneDNN's library, and loads it.
    check(
        noClasses()
            .that()
            .resideOutsideOfPackages(CPU, "org.diffusion4j.backend.cpu")
            .should(know("org.bytedeco.dnnl..")));
  }

  @Test
  void packages_haveNoCycles() {
    SliceAssignment packages =
        new SliceAssignment() {
          @Override
          public SliceIdentifier getIdentifierOf(JavaClass type) {
            return SliceIdentifier.of(type.getPackageName());
          }

          @Override
          public String getDescription() {
            return "packages";
          }
        };
    check(slices().assignedFrom(packages).should().beFreeOfCycles());
  }

  @Test
  void code_printsNothing() {
    check(NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS);
    check(noClasses().should().callMethod(Throwable.class, "printStackTrace"));
  }

  @Test
  void code_logsWithSlf4j() {
    check(NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING);
    check(noClasses().should().dependOnClassesThat(belongToAnyOf(System.Logger.class)));
  }

  @Test
  void code_endsNoProcess() {
    check(noClasses().should().callMethod(System.class, "exit", int.class));
    check(noClasses().should().callMethod(Runtime.class, "exit", int.class));
    check(noClasses().should().callMethod(Runtime.class, "halt", int.class));
  }

  /** Generators by name are found by services, which native images and odd loaders lack. */
  @Test
  void code_looksUpNoRandomGenerators() {
    check(
        noClasses()
            .should()
            .dependOnClassesThat(belongToAnyOf(RandomGeneratorFactory.class))
            .orShould()
            .callMethod(RandomGenerator.class, "of", String.class)
            .orShould()
            .callMethod(RandomGenerator.class, "getDefault"));
  }

  @Test
  void types_haveNamesOfTheirOwn() {
    assertThat(LIBRARY.stream().filter(JavaClass::isTopLevelClass).map(JavaClass::getSimpleName))
        .filteredOn(name -> !name.equals("package-info"))
        .doesNotHaveDuplicates();
  }

  /** A record's own would print all values of its arrays. */
  @Test
  void publicRecordsOfArrays_haveATextOfTheirOwn() {
    check(
        classes()
            .that(resideOutsideOfPackages(HIDDEN))
            .and(areSeen())
            .and()
            .areRecords()
            .should(
                condition(
                    "print no arrays",
                    type ->
                        type.getFields().stream()
                            .filter(field -> field.getRawType().isEquivalentTo(INDArray.class))
                            .filter(field -> !printsShapes(type))
                            .map(field -> field.getFullName() + " is printed"))));
  }

  private static boolean printsShapes(JavaClass type) {
    return type.getMethod("toString").getMethodCallsFromSelf().stream()
        .anyMatch(call -> call.getTargetOwner().isEquivalentTo(Shown.class));
  }

  /** So that a value that somebody else holds never changes. */
  @Test
  void withMethods_copyImmutableValues() {
    check(
        classes()
            .that(resideOutsideOfPackages(HIDDEN))
            .and(areSeen())
            .should(
                condition(
                    "return their own type, whose fields are final, from with...",
                    type ->
                        type.getMethods().stream()
                            .filter(method -> method.getName().matches("with[A-Z].*"))
                            .filter(method -> isSeen(method.getModifiers()))
                            .filter(method -> !method.getModifiers().contains(JavaModifier.BRIDGE))
                            .filter(
                                method ->
                                    !method.getRawReturnType().equals(type) || isMutable(type))
                            .map(method -> method.getFullName() + " does not copy"))));
  }

  private static boolean isMutable(JavaClass type) {
    return type.getFields().stream()
        .anyMatch(field -> !field.getModifiers().contains(JavaModifier.FINAL));
  }

  @Test
  void packages_areNullMarked() {
    check(
        classes()
            .should(
                condition(
                    "be in a package that is @NullMarked",
                    type ->
                        type.getPackage().isAnnotatedWith(NullMarked.class)
                            ? Stream.empty()
                            : Stream.of(type.getPackageName() + " is not @NullMarked"))));
  }

  @Test
  void publicMembers_nameNoInternalType() {
    check(
        classes()
            .that(resideOutsideOfPackages(HIDDEN))
            .and(areSeen())
            .should(
                condition(
                    "name only types that applications may use",
                    type ->
                        namesOf(type)
                            .flatMap(used -> used.getAllInvolvedRawTypes().stream())
                            .filter(resideInAnyPackage(HIDDEN))
                            .map(used -> type.getName() + " names " + used.getName())
                            .distinct())));
  }

  /** The types that the declarations of a class and of its public members name. */
  private static Stream<JavaType> namesOf(JavaClass type) {
    Stream<JavaType> parents =
        Stream.concat(type.getSuperclass().stream(), type.getInterfaces().stream());
    Stream<JavaType> members =
        type.getMembers().stream()
            .filter(member -> isSeen(member.getModifiers()))
            .filter(member -> !member.getModifiers().contains(JavaModifier.SYNTHETIC))
            .flatMap(member -> member.getAllInvolvedRawTypes().stream());
    Stream<JavaType> thrown =
        type.getCodeUnits().stream()
            .filter(code -> isSeen(code.getModifiers()))
            .flatMap(code -> code.getExceptionTypes().stream());
    return Stream.of(parents, members, thrown).flatMap(types -> types);
  }

  /** Public or protected, and so is what they are in. */
  private static DescribedPredicate<JavaClass> areSeen() {
    return DescribedPredicate.describe(
        "are public",
        type ->
            isSeen(type.getModifiers())
                && type.getEnclosingClass()
                    .map(outer -> isSeen(outer.getModifiers()))
                    .orElse(true));
  }

  private static boolean isSeen(Set<JavaModifier> modifiers) {
    return modifiers.contains(JavaModifier.PUBLIC) || modifiers.contains(JavaModifier.PROTECTED);
  }

  private static ArchCondition<JavaClass> know(String... packages) {
    return dependOnClassesThat(resideInAnyPackage(packages));
  }

  private interface Violations {
    Stream<String> of(JavaClass type);
  }

  private static ArchCondition<JavaClass> condition(String description, Violations violations) {
    return new ArchCondition<>(description) {
      @Override
      public void check(JavaClass type, ConditionEvents events) {
        violations.of(type).forEach(v -> events.add(SimpleConditionEvent.violated(type, v)));
      }
    };
  }

  private static void check(ArchRule rule) {
    rule.check(LIBRARY);
  }
}
