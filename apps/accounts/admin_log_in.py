"""The way in: name and password, then a code where the person has a second factor. Guessing is slowed down.

These pages stand before the admin's own log-in (config/urls.py), at its address.
"""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME, login
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import FormView
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.models import User
from apps.accounts.queries import is_privileged
from apps.accounts.services.known_browsers import LIFE, cookie_of, known_browser, new_token
from apps.accounts.services.log_in_guard import TooManyTries, Try, give_back, take_try
from apps.accounts.services.second_factor import WrongCode, check_code
from apps.core.client_address import client_address

CODE_WITHIN = timedelta(minutes=5)
_PENDING = "log_in_waits_for_code"
_LOCKED = "locked"


def locked(refusal: TooManyTries) -> forms.ValidationError:
    """The problem of a form that may not be tried now."""
    seconds = refusal.seconds
    wait = _("%d seconds") % seconds if seconds < 90 else _("%d minutes") % round(seconds / 60)
    return forms.ValidationError(_("Too many tries. Try again in %s.") % wait, code=_LOCKED, params={"wait": seconds})


def answer_to_locked(response: HttpResponse, form: forms.BaseForm) -> HttpResponse:
    """429 with Retry-After where the form was refused for too many tries; else the response as it is."""
    for error in form.errors.as_data().get("__all__", []):
        if error.code == _LOCKED:
            response.status_code = 429
            response.headers["Retry-After"] = str((error.params or {})["wait"])
    return response


def _try_of(step: str, name: str, request: HttpRequest, *, known_as: str, now: datetime) -> Try:
    """A try as it is counted. name: what it is counted under; known_as: the log-in name."""
    browser = known_browser(name=known_as, cookies=request.COOKIES, now=now)
    return Try(step, name, client_address(request), browser)


class LogInForm(AuthenticationForm):
    """Name and password. Says the same of a wrong password and of a name that nobody has."""

    def clean(self) -> dict[str, Any]:
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not name or not password:
            return dict(super().clean())
        now = timezone.now()
        attempt = _try_of("password", name, self.request, known_as=name, now=now)
        try:
            take_try(attempt, now=now)
        except TooManyTries as refusal:
            raise locked(refusal) from refusal
        said = dict(super().clean())
        give_back(attempt)
        return said


class CodeForm(forms.Form):
    """One code, of the app or a recovery code."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=20,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "autofocus": "", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        known_as = user.get_username()
        self._attempt = _try_of("code", str(user.pk), request, known_as=known_as, now=timezone.now())

    def clean(self) -> dict[str, Any]:
        said, now = super().clean() or self.cleaned_data, timezone.now()
        if "code" not in said:
            return said
        try:
            take_try(self._attempt, now=now)
            self.use(self._user, said["code"], now)
        except TooManyTries as refusal:
            raise locked(refusal) from refusal
        except WrongCode as wrong:
            raise forms.ValidationError(_("This code is not right, or was used before."), code="code") from wrong
        give_back(self._attempt)
        return said

    def use(self, user: User, code: str, now: datetime) -> None:
        """Use the code up. Raises WrongCode."""
        check_code(user=user, code=code, now=now)


class _AdminFrame(RedirectURLMixin):
    """A page outside the admin's frame, with its looks; leads on to `next`, or to the dashboard."""

    request: HttpRequest
    title: Any = gettext_lazy("Log in")

    def get_default_redirect_url(self) -> str:
        return reverse("admin:index")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)  # type: ignore[misc]
        frame = {"title": self.title, "app_path": self.request.get_full_path()}
        return {**admin.site.each_context(self.request), **frame, **context}

    def form_invalid(self, form: forms.BaseForm) -> HttpResponse:
        return answer_to_locked(super().form_invalid(form), form)  # type: ignore[misc]


class LogInView(_AdminFrame, LoginView):  # type: ignore[misc]
    """/admin/login/"""

    form_class = LogInForm
    template_name = "admin/login.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if admin.site.has_permission(request):
            return redirect(self.get_success_url())
        return super().get(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.get_user()
        if user.second_factor_at is None:
            return enter(self.request, user, self.get_success_url())
        self.request.session.cycle_key()
        until = (timezone.now() + CODE_WITHIN).timestamp()
        self.request.session[_PENDING] = {"user": user.pk, "hash": user.get_session_auth_hash(), "until": until}
        return redirect(f"{reverse('log_in_code')}?{urlencode({REDIRECT_FIELD_NAME: self.get_success_url()})}")


@method_decorator(never_cache, name="dispatch")
class CodeView(_AdminFrame, FormView):  # type: ignore[misc,type-arg]
    """/admin/login/code/: whoever knew the password shows that the phone is theirs, too."""

    form_class = CodeForm
    template_name = "accounts/log_in_code.html"
    title = gettext_lazy("Two-step log-in")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        user = waiting_for_code(request)
        if user is None:
            return redirect("admin:login")
        self.user = user
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request, "user": self.user}

    def form_valid(self, form: Any) -> HttpResponse:
        return enter(self.request, self.user, self.get_success_url())


def waiting_for_code(request: HttpRequest) -> User | None:
    """Who gave their password here a moment ago, and has the same one still."""
    pending = request.session.get(_PENDING)
    if not pending or pending["until"] < timezone.now().timestamp():
        return None
    user = User.objects.filter(pk=pending["user"], is_active=True).exclude(second_factor_at=None).first()
    return user if user and constant_time_compare(pending["hash"], user.get_session_auth_hash()) else None


def enter(request: HttpRequest, user: User, url: str) -> HttpResponseRedirect:
    """Begin the session; a shorter one for who may do most. From now on they are known in this browser."""
    request.session.pop(_PENDING, None)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    if is_privileged(user):
        request.session.set_expiry(settings.PRIVILEGED_SESSION_AGE)
    return known_from_now_on(HttpResponseRedirect(url), user)


def change_password(request: HttpRequest) -> HttpResponse:
    """/admin/password_change/: the admin's own page. This browser stays one in which the person is known."""
    response: HttpResponse = admin.site.password_change(request)
    return known_from_now_on(response, request.user) if response.status_code == HTTPStatus.FOUND else response


def known_from_now_on[Answer: HttpResponse](response: Answer, user: Any) -> Answer:
    """The same answer; the browser that gets it is one in which the person is known."""
    response.set_cookie(
        cookie_of(user.get_username()),
        new_token(user=user, now=timezone.now()),
        max_age=LIFE,
        path=reverse("admin:index"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response
