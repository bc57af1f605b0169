package org.diffusion4j.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.diagnostics.FailureAnalyzer;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.core.io.support.SpringFactoriesLoader;

/** Each mistake in the configuration is one sentence at start. */
class BadSettingsTest {

  private static final String MODEL = "diffusion.models.digits.";

  @TempDir static Path directory;
  static Path model;

  @BeforeAll
  static void save() throws IOException {
    model = Models.save(directory.resolve("model"), 0);
    Files.createFile(directory.resolve("file"));
    Files.createDirectory(directory.resolve("empty"));
    Files.createDirectory(directory.resolve("damaged"));
    Files.writeString(directory.resolve("damaged").resolve("model_index.json"), "{");
  }

  /** What Spring Boot prints of a failure: the first analysis, as in an application. */
  private static FailureAnalysis analysis(Throwable failure) {
    List<FailureAnalyzer> analyzers =
        SpringFactoriesLoader.forDefaultResourceLocation()
            .load(FailureAnalyzer.class, (type, name, e) -> {});
    return analyzers.stream()
        .map(analyzer -> analyzer.analyze(failure))
        .filter(Objects::nonNull)
        .findFirst()
        .orElseThrow(() -> new AssertionError("no analysis", failure));
  }

  private static String sentence(String... properties) {
    return sentence(Models.application(model, properties));
  }

  private static String sentence(ApplicationContextRunner application) {
    String[] found = new String[1];
    application.run(
        context -> {
          assertThat(context).hasFailed();
          FailureAnalysis analysis = analysis(context.getStartupFailure());
          assertThat(analysis.getAction()).startsWith("Correct the ");
          found[0] = analysis.getDescription();
        });
    assertThat(found[0]).hasSizeLessThan(400).doesNotContain("\n");
    return found[0];
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "steps=0 | steps must be at least 1 but was 0",
        "steps=1001 | steps must be in [1, 1000] but was 1001",
        "steps=few | steps must be a whole number of 32 bits but was few",
        "steps=99999999999 | steps must be a whole number of 32 bits but was 99999999999",
        "seed=lucky | seed must be a whole number of 64 bits but was lucky",
        "guidance=-0.5 | guidance must be at least 0 but was -0.5",
        "guidance=NaN | guidance must be at least 0 but was NaN",
        "guidance=much | guidance must be a number but was much",
        "max-samples=0 | max-samples must be at least 1 but was 0",
        "memory-limit=0B | memory-limit must be at least 1 but was 0",
        "memory-limit=lots | memory-limit must be a size such as 512MB but was lots",
        "concurrency=0 | concurrency must be at least 1 but was 0",
        "queue-limit=-1 | queue-limit must be at least 0 but was -1",
        "queue-timeout=-1s | queue-timeout must not be negative but was PT-1S",
        "queue-timeout=soon | queue-timeout must be a duration such as 30s but was soon",
      })
  void setting_outOfRange_isNamedWithItsValue(String property, String problem) {
    assertThat(sentence(MODEL + property)).isEqualTo(MODEL + problem);
  }

  @Test
  void guidance_ofAModelWithoutClasses_isRefused() {
    assertThat(sentence(MODEL + "guidance=3"))
        .startsWith(MODEL + "guidance cannot be used: guidance must be of a model with classes");
  }

  @Test
  void memoryLimit_lessThanOneSampleTakes_isRefused() {
    assertThat(sentence(MODEL + "memory-limit=16B"))
        .matches(
            MODEL
                + "memory-limit must be more than the \\d{3,} bytes of one sample's prediction but"
                + " was 16");
  }

  @Test
  void sampler_unknown_isRefusedWithTheKnownOnes() {
    assertThat(sentence(MODEL + "sampler=magic"))
        .startsWith(MODEL + "sampler must be scheduler or one of ddpm, ")
        .contains("dpm++2m")
        .endsWith(" but was magic");
  }

  @Test
  void property_misspelt_isRefusedWithTheKnownOnes() {
    assertThat(sentence(MODEL + "stepps=3"))
        .startsWith(MODEL + "stepps is unknown; the properties of a model are path, sampler, ")
        .contains("queue-limit");
  }

  @Test
  void modelsName_leftOut_isRefused() {
    assertThat(sentence("diffusion.models.path=/models/digits"))
        .isEqualTo(
            "diffusion.models.path must be the name of a model, with its properties below it, but"
                + " has a value");
  }

  @Test
  void failFast_thatIsNoBoolean_isRefused() {
    assertThat(sentence("diffusion.fail-fast=perhaps"))
        .isEqualTo("diffusion.fail-fast must be true or false but was perhaps");
  }

  @Test
  void path_thatIsNotThere_isNamed() {
    Path missing = directory.resolve("missing");
    assertThat(sentence(Models.application(missing)))
        .isEqualTo(MODEL + "path must be a model directory but there is nothing at " + missing);
  }

  @Test
  void path_thatIsAFile_isNamed() {
    Path file = directory.resolve("file");
    assertThat(sentence(Models.application(file)))
        .isEqualTo(MODEL + "path must be a model directory but there is a file at " + file);
  }

  @Test
  void path_withoutAModel_namesTheFileThatIsMissing() {
    assertThat(sentence(Models.application(directory.resolve("empty"))))
        .startsWith(MODEL + "path cannot be loaded: " + directory.resolve("empty"));
    assertThat(sentence(Models.application(directory.resolve("damaged"))))
        .startsWith(MODEL + "path cannot be loaded: " + directory.resolve("damaged"))
        .contains("model_index.json");
  }

  @Test
  void path_thatIsNotSet_isAskedFor() {
    assertThat(
            sentence(
                new ApplicationContextRunner()
                    .withConfiguration(AutoConfigurations.of(DiffusionAutoConfiguration.class))
                    .withPropertyValues(MODEL + "steps=2")))
        .isEqualTo(MODEL + "path must be set");
  }

  @Test
  void path_withACharacterThatNoPathHas_isShownEscaped() {
    assertThatThrownBy(
            () ->
                new ModelFactory(
                        new DiffusionProperties(
                            Map.of("digits", settings("a\0b")), true, Duration.ofSeconds(1)),
                        (name, waiting) -> Instruments.NONE)
                    .create("digits"))
        .hasMessage(MODEL + "path must be a path but was a\\u0000b");
  }

  private static DiffusionProperties.Model settings(String path) {
    return new DiffusionProperties.Model(
        path, "ddim", 2, null, null, 1, null, 1, 1, Duration.ofSeconds(1));
  }

  /** A property of the application's own is not ours to judge. */
  @Test
  void analyzers_leaveOtherFailuresToOthers() {
    assertThat(new BindFailureAnalyzer().analyze(new IllegalStateException("other"))).isNull();
    assertThat(new SettingFailureAnalyzer().analyze(new IllegalStateException("other"))).isNull();
  }

  @Test
  void failFastOff_startsWithoutTheModel() {
    Path missing = directory.resolve("missing");
    Models.application(missing, "diffusion.fail-fast=false")
        .run(
            context -> {
              assertThat(context).hasNotFailed();
              DiffusionModel digits = context.getBean(DiffusionModel.class);
              assertThat(digits.failure())
                  .hasValue(
                      MODEL + "path must be a model directory but there is nothing at " + missing);
              assertThatThrownBy(() -> digits.sample(1))
                  .isInstanceOfSatisfying(
                      SamplingRefusedException.class,
                      e ->
                          assertThat(e.reason())
                              .isEqualTo(SamplingRefusedException.Reason.NOT_LOADED))
                  .hasMessageContaining("nothing at " + missing);
            });
  }

  /** A wrong setting is a mistake, however the model is. */
  @Test
  void failFastOff_stillRefusesWrongSettings() {
    assertThat(sentence("diffusion.fail-fast=false", MODEL + "steps=0"))
        .isEqualTo(MODEL + "steps must be at least 1 but was 0");
    assertThat(sentence("diffusion.fail-fast=false", MODEL + "steps=5000"))
        .isEqualTo(MODEL + "steps must be in [1, 1000] but was 5000");
  }
}
