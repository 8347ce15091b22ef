000 test rdi,rdi
003 jle short 0000000000000038h
005 vmovups zmm16,[rip+2Dh]
00F vmovups zmm17,[rsi+40h]
016 vcvtne2ps2bf16 zmm17,zmm17,[rsi]
01C vpermw zmm17,zmm16,zmm17
022 vmovups [rdx],zmm17
028 add rsi,80h
02F add rdx,40h
033 dec rdi
036 jne short 000000000000000Fh
038 vzeroupper
03B ret
03C words 0 8
040 words 1 9
044 words 2 10
048 words 3 11
04C words 4 12
050 words 5 13
054 words 6 14
058 words 7 15
05C words 16 24
060 words 17 25
064 words 18 26
068 words 19 27
06C words 20 28
070 words 21 29
074 words 22 30
078 words 23 31
