package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.zip.GZIPInputStream;
import org.diffusion4j.data.IdxImages;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DigitsTest {

  @Test
  void digits_areThoseOfTheRepository() throws IOException {
    IdxImages train = Digits.train();
    IdxImages test = Digits.test();
    assertThat(train.size()).isEqualTo(3823);
    assertThat(test.size()).isEqualTo(1797);
    assertThat(train.sampleShape()).containsExactly(1, 8, 8);
    assertThat(test.sampleShape()).containsExactly(1, 8, 8);
    assertThat(train.classes()).isEqualTo(10);
    assertThat(test.classes()).isEqualTo(10);
  }

  @ParameterizedTest
  @CsvSource({
    "test-images-idx3-ubyte, d224a90b51e21e5d1332d34effc46c3a7d6244906f07c292c24213770d11ca7b",
    "test-labels-idx1-ubyte, ce71631c1f31ce56fa54f31d1d498fafacff59b001e6c30c4a5e29508aa277ad",
    "train-images-idx3-ubyte, 69520211ac5cce8219f021ce10af5b57137581febf0f31eb4f219c9808e9132f",
    "train-labels-idx1-ubyte, 8efd46ba523e1ce034de771c7712183a9dab51767844532c1e8d194f48bd300c"
  })
  void resource_hasItsChecksum(String name, String sha256)
      throws IOException, NoSuchAlgorithmException {
    try (InputStream raw = Digits.class.getResourceAsStream("digits8x8/" + name + ".gz")) {
      byte[] bytes = new GZIPInputStream(raw).readAllBytes();
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(bytes);
      assertThat(HexFormat.of().formatHex(hash)).isEqualTo(sha256);
    }
  }
}
