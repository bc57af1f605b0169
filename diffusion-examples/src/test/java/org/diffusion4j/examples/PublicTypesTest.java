package org.diffusion4j.examples;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** How many types an application may meet. The bounds go down, never up. */
class PublicTypesTest {

  private static final int PUBLIC = 60;

  private static final int IN_EXAMPLES = 25;

  private static final Pattern STRING_OR_COMMENT = Pattern.compile("\"[^\"\n]*\"|//[^\n]*");
  private static final Pattern NAME = Pattern.compile("\\b[A-Z]\\w*");

  @Test
  void publicTypes_areFew() {
    assertThat(publicTypes())
        .contains("Denoiser", "DdimSampler", "UNet")
        .hasSizeLessThanOrEqualTo(PUBLIC);
  }

  @Test
  void examples_getByWithFewTypes() throws IOException {
    Set<String> used = new TreeSet<>();
    for (Path page : Set.of(Path.of("..", "README.md"), Path.of("..", "docs", "cookbook.md"))) {
      for (String code : Snippets.of(page)) {
        NAME.matcher(STRING_OR_COMMENT.matcher(code).replaceAll(""))
            .results()
            .forEach(name -> used.add(name.group()));
      }
    }
    used.retainAll(publicTypes());
    assertThat(used).contains("UNet", "DiffusionTrainer").hasSizeLessThanOrEqualTo(IN_EXAMPLES);
  }

  /** The simple names of the public top-level types of diffusion-api, -samplers and -core. */
  private static Set<String> publicTypes() {
    return RulesTest.LIBRARY.stream()
        .filter(
            resideInAnyPackage(RulesTest.API, RulesTest.SAMPLERS)
                .or(resideInAnyPackage(RulesTest.CORE)))
        .filter(resideOutsideOfPackages(RulesTest.HIDDEN))
        .filter(JavaClass::isTopLevelClass)
        .filter(type -> type.getModifiers().contains(JavaModifier.PUBLIC))
        .map(JavaClass::getSimpleName)
        .collect(Collectors.toCollection(TreeSet::new));
  }
}
