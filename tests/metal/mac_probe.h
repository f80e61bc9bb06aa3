#pragma once

struct Shift {
    float right;
    float down;
};
