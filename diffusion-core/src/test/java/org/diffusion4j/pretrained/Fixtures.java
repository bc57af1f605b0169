package org.diffusion4j.pretrained;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** Files of the test resources, and safetensors files made by hand. */
public final class Fixtures {

  private Fixtures() {}

  /** Written by the Python package safetensors 0.8.0, with each type that is supported. */
  public static final String ALL_TYPES = "all-types.safetensors";

  public static byte[] resource(String name) {
    try (InputStream in = Objects.requireNonNull(Fixtures.class.getResourceAsStream(name), name)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  public static byte[] file(byte[] header, byte[] data) {
    return ByteBuffer.allocate(8 + header.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .put(data)
        .array();
  }

  public static byte[] file(String header, byte[] data) {
    return file(header.getBytes(StandardCharsets.UTF_8), data);
  }

  public static byte[] file(String header, int dataLength) {
    return file(header, new byte[dataLength]);
  }
}
