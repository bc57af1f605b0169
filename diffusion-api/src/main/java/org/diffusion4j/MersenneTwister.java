package org.diffusion4j;

/** MT19937 of Matsumoto and Nishimura (1998), with the initialisation of 2002. */
final class MersenneTwister {

  private static final int N = 624;
  private static final int M = 397;

  private final int[] state = new int[N];
  private int index = N;

  MersenneTwister(int seed) {
    state[0] = seed;
    for (int i = 1; i < N; i++) {
      state[i] = 1812433253 * (state[i - 1] ^ (state[i - 1] >>> 30)) + i;
    }
  }

  /** The next 32 bits. */
  int next() {
    if (index == N) {
      twist();
      index = 0;
    }
    int y = state[index++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9D2C5680;
    y ^= (y << 15) & 0xEFC60000;
    return y ^ (y >>> 18);
  }

  private void twist() {
    for (int i = 0; i < N; i++) {
      int y = (state[i] & 0x80000000) | (state[(i + 1) % N] & 0x7FFFFFFF);
      state[i] = state[(i + M) % N] ^ (y >>> 1) ^ ((y & 1) == 0 ? 0 : 0x9908B0DF);
    }
  }
}
