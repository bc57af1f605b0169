package org.diffusion4j.internal.common;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URL;
import java.net.URLClassLoader;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class L64X128MixRandomTest {

  @Property(tries = 200)
  void numbers_areThoseOfTheJdk(@ForAll long seed) {
    RandomGenerator theirs = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    RandomGenerator ours = new L64X128MixRandom(seed);
    for (int i = 0; i < 50; i++) {
      assertThat(ours.nextLong()).isEqualTo(theirs.nextLong());
      assertThat(ours.nextInt()).isEqualTo(theirs.nextInt());
      assertThat(ours.nextInt(1 + i * i)).isEqualTo(theirs.nextInt(1 + i * i));
      assertThat(ours.nextInt(-3, i)).isEqualTo(theirs.nextInt(-3, i));
      assertThat(ours.nextDouble()).isEqualTo(theirs.nextDouble());
      assertThat(ours.nextFloat()).isEqualTo(theirs.nextFloat());
      assertThat(ours.nextBoolean()).isEqualTo(theirs.nextBoolean());
      assertThat(ours.nextGaussian()).isEqualTo(theirs.nextGaussian());
    }
  }

  @Test
  void numbers_ofSeedZero() {
    RandomGenerator theirs = RandomGeneratorFactory.of("L64X128MixRandom").create(0);
    RandomGenerator ours = new L64X128MixRandom(0);
    for (int i = 0; i < 10_000; i++) {
      assertThat(ours.nextLong()).isEqualTo(theirs.nextLong());
    }
  }

  /** As in Spark, where the loader of an application's jars need not see the JDK's services. */
  @Test
  void numbers_underALoaderThatSeesNoServices() throws Exception {
    URL classes = L64X128MixRandom.class.getProtectionDomain().getCodeSource().getLocation();
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    try (URLClassLoader alone = new URLClassLoader(new URL[] {classes}, null)) {
      thread.setContextClassLoader(alone);
      Class<?> loaded = alone.loadClass(L64X128MixRandom.class.getName());
      assertThat(loaded).isNotSameAs(L64X128MixRandom.class);
      RandomGenerator theirs = (RandomGenerator) loaded.getConstructor(long.class).newInstance(42L);
      RandomGenerator ours = new L64X128MixRandom(42);
      for (int i = 0; i < 100; i++) {
        assertThat(theirs.nextLong()).isEqualTo(ours.nextLong());
      }
    } finally {
      thread.setContextClassLoader(before);
    }
  }
}
