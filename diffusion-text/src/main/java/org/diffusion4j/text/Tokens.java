package org.diffusion4j.text;

import java.util.Arrays;

/**
 * The ids of a text, as many as a text encoder takes: a start token, the text, an end token, and
 * padding. Immutable.
 */
public final class Tokens {

  private final int[] ids;
  private final int used;
  private final int cut;

  /**
   * @param ids not copied
   * @param used the number of ids before the padding
   * @param cut the number of ids of the text that found no place
   */
  Tokens(int[] ids, int used, int cut) {
    this.ids = ids;
    this.used = used;
    this.cut = cut;
  }

  /** The ids, {@link ClipTokenizer#maxLength()} in number; a copy. */
  public int[] ids() {
    return ids.clone();
  }

  /** 1 for each id up to the end token, 0 for padding; a new array as long as {@link #ids()}. */
  public int[] mask() {
    int[] mask = new int[ids.length];
    Arrays.fill(mask, 0, used, 1);
    return mask;
  }

  /** The number of ids before the padding, from 2 for an empty text to the length of ids. */
  public int used() {
    return used;
  }

  /** The number of ids at the text's end that found no place; 0 if the whole text is there. */
  public int cut() {
    return cut;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Tokens t && used == t.used && cut == t.cut && Arrays.equals(ids, t.ids);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(ids) * 31 + used;
  }

  /** The ids without the padding. */
  @Override
  public String toString() {
    return "Tokens" + Arrays.toString(Arrays.copyOf(ids, used)) + " of " + ids.length;
  }
}
