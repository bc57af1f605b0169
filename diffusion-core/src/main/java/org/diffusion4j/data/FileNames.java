package org.diffusion4j.data;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collection;

/** A compact list of names in UTF-8, with four bytes of overhead each. Immutable. */
final class FileNames {

  private final byte[] text;
  private final int[] ends;

  /**
   * @throws IllegalArgumentException if their total length exceeds 2^31 bytes
   */
  FileNames(Collection<String> names) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    ends = new int[names.size()];
    int i = 0;
    for (String name : names) {
      byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
      if (bytes.length > Integer.MAX_VALUE - 8 - all.size()) {
        throw new IllegalArgumentException("names must have less than 2^31 bytes in total");
      }
      all.writeBytes(bytes);
      ends[i++] = all.size();
    }
    text = all.toByteArray();
  }

  int size() {
    return ends.length;
  }

  /**
   * @throws IndexOutOfBoundsException if there is no such name
   */
  String name(int index) {
    int start = index == 0 ? 0 : ends[index - 1];
    return new String(text, start, ends[index] - start, StandardCharsets.UTF_8);
  }
}
